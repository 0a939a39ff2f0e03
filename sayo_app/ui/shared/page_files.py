"""The page's own script and style sheets as text: they are written into pages, and nothing is fetched."""

from __future__ import annotations

from sayo_app.settings import ASSETS_DIR

UI_DIR = ASSETS_DIR / "ui"


def script() -> str:
    """The script of the page and of saved pages: `main.js` and what it imports, see assets/ui/README.md."""
    return (UI_DIR / "studio.js").read_text("utf-8")


def styles(*names: str) -> str:
    """Our style sheets, one after the other."""
    return "\n".join((UI_DIR / f"{name}.css").read_text("utf-8") for name in names)
