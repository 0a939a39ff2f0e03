"""The page's own script and style sheets as text: they are written into pages, and nothing is fetched."""

from __future__ import annotations

from sayo_app.settings import ASSETS_DIR

UI_DIR = ASSETS_DIR / "ui"


def script() -> str:
    """The script of the page and of saved pages: `main.js` and what it imports, see assets/ui/README.md."""
    return (UI_DIR / "studio.js").read_text("utf-8")


def viewer_styles() -> str:
    """Of what a saved page shows: a viewer and regions, which take the theme's variables from the page."""
    return _sheets("colours", "viewer/viewer", "regions/regions")


def page_styles() -> str:
    """Of all of the page."""
    return "\n".join((_sheets("page", "tour", "worklist/cards", "worklist/worklist"), viewer_styles()))


def _sheets(*names: str) -> str:
    return "\n".join((UI_DIR / f"{name}.css").read_text("utf-8") for name in names)
