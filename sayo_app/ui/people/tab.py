"""People: accounts and their roles, and the audit. For owners; to others the tab is not shown."""

from __future__ import annotations

from typing import Any

import gradio as gr

from sayo_app.access.current import current
from sayo_app.access.rights import may
from sayo_app.ui.people import accounts, changes
from sayo_app.ui.shared.handlers import PRIVATE, does
from sayo_app.ui.shared.studio import Studio


def build(studio: Studio, page: gr.Blocks, changed: gr.State, tab: gr.Tab) -> None:
    """Lay out the tab, which is not shown yet, and wire it; `changed` counts changes of the store."""
    if studio.settings.sign_in != "none":
        accounts.build(studio, changed, tab)
    changes.build(studio, changed, tab)

    @does("look")
    def on_whose() -> Any:
        return gr.Tab(visible=may(current(), "audit.read"))

    page.load(on_whose, None, tab, **PRIVATE)
