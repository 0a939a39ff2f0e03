"""Before and after on held-out corrections: what the training of an adapter changed."""

from __future__ import annotations

import html

from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.words import adapter_name

# key of an evaluation, what the page calls it, whether it is a share (shown in per cent), what it means
_FIGURES = (
    ("accuracy", "Right answers", True, "share of held-out questions answered right"),
    ("format", "Right format", True, "share that ends in one answer block"),
    ("sayo_reward", "SAYO reward", False, "how much more it looks into the regions than elsewhere, −1 to 1"),
    ("energy", "Energy in the regions", True, "share of its attention that is in the regions"),
    ("pointing", "Pointing game", True, "share whose most looked-at spot is in a region"),
    (
        "reliance",
        "Hangs on the region",
        True,
        "share of answers that change with the region covered",
    ),
    ("distraction", "Swayed by a distraction", True, "the same, with what was marked as not here"),
    (
        "control",
        "Swayed by random regions",
        True,
        "the same, with others of its size: the control",
    ),
)
# Where less is better, or neither: a control is no merit.
_GOOD = {"distraction": -1, "control": 0}
_FEW = 50


def table(studio: Studio, first: int, second: int) -> str:
    """Before and after of the run that made the adapter chosen on the right, or else on the left."""
    records = {it.id: it for it in studio.adapters()}
    record = records.get(second) or records.get(first)
    if record is None:
        return (
            '<p class="note">No adapter yet. Retrain first: the new adapter is then measured here, before '
            "and after its training.</p>"
        )
    before, after = record.summary.get("before") or {}, record.summary.get("after") or {}
    rows = "".join(_row(before.get(figure[0]), after.get(figure[0]), *figure) for figure in _FIGURES)
    name = html.escape(adapter_name(record))
    name = name[0].upper() + name[1:]
    if not rows:
        return f'<p class="note">Nothing was measured for {name}.</p>'
    count = int(after.get("count") or before.get("count") or 0)
    measured = f" on {count} held-out corrections" if count else ""
    small = " With so few, a change of a few points means little." if 0 < count < _FEW else ""
    return (
        f"<p class='hint'>{name}, measured before and after its training{measured}.{small}</p>"
        '<table class="plain-table held-out"><tr><th></th><th>Before</th><th>After</th><th>Change</th></tr>'
        f"{rows}</table>"
    )


def _row(
    before: float | None, after: float | None, key: str, label: str, is_share: bool, meaning: str
) -> str:
    if before is None and after is None:
        return ""
    change = _change(before, after, is_share, _GOOD.get(key, 1))
    cells = (_figure(before, is_share), _figure(after, is_share), change)
    columns = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr data-testid="held-out-{key}"><th>{label}<span>{meaning}</span></th>{columns}</tr>'


def _figure(value: float | None, is_share: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.0f} %" if is_share else f"{value:.2f}".replace("-", "−")


def _change(before: float | None, after: float | None, is_share: bool, good: int) -> str:
    if before is None or after is None:
        return "–"
    change = after - before
    shown = f"{100 * change:+.0f} points" if is_share else f"{change:+.2f}"
    kind = "up" if good * change > 0.005 else "down" if good * change < -0.005 else "same"
    return f'<span class="change-{kind}">{shown.replace("-", "−")}</span>'
