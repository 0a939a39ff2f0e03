"""An answer as one HTML file that steps through its tokens without a server."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from string import Template
from typing import Any

from sayo_app.settings import ASSETS_DIR

# No server answers here: the viewer's questions to it are dropped, and nothing changes after the start.
_START = """
(() => {
  const { value, options } = JSON.parse(document.getElementById("shown").textContent);
  const element = document.getElementById("offline");
  sayo.mountViewer({ element, props: { value }, trigger: () => {}, watch: () => {} }, options, {});
})();
"""


def offline_page(
    value: dict[str, Any],
    options: dict[str, Any],
    script: str,
    styles: str,
    *,
    title: str,
    note: str = "",
) -> str:
    """The page: viewer, pictures, maps and text in one file that asks the network for nothing.

    Its content security policy holds it to that: pictures come from data URLs only, and no script runs
    but the one written here. Text of a model or a person stands in it as data and never as markup.

    Args:
        value: what the viewer shows, as the live page is sent it, with the maps of all views.
        options: of the viewer.
        script: JavaScript of the viewer.
        styles: CSS of the viewer.
        title: the question.
        note: a line below it, for instance which model answered.
    """
    shown = json.dumps({"value": value, "options": options}, allow_nan=False)
    code = _inlined(script + _START, "script")
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    template = (ASSETS_DIR / "ui" / "offline.html").read_text("utf-8")
    return Template(template).substitute(
        title=_text(title),
        note=_text(note),
        styles=_inlined(styles, "style"),
        data=shown.replace("<", "\\u003c"),
        script=code,
        digest=f"sha256-{digest}",
    )


def _text(text: str) -> str:
    """As markup that shows just this text; half characters, which no file can hold, as question marks."""
    return html.escape(text.encode(errors="replace").decode())


def _inlined(code: str, tag: str) -> str:
    r"""Code that cannot end its own tag: in a string, `<\/` and `<\!` mean what `</` and `<!` do."""
    return re.sub(rf"<(?=/{tag}|!--)", r"<\\", code.replace("\r\n", "\n"), flags=re.IGNORECASE)
