"""The tour's pictures as HTML: where the model looked, the two boxes, what it said."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from PIL import Image

from sayo_app.core.scenes.confounders import ConfoundedScene
from sayo_app.ui.tour.asking import Found, Said
from sayo_app.ui.viewer.values import data_url

_CARD_SIDE, _LARGE_SIDE = 300, 520
STEPS = ("Meet the model", "Show it where to look", "Retrain", "Before and after", "Clean up")


def steps_html(now: int) -> str:
    """The steps in a row, the present one marked. Args: now: its number, from 1."""
    items = []
    for number, name in enumerate(STEPS, 1):
        kind = "is-done" if number < now else "is-now" if number == now else ""
        current = ' aria-current="step"' if number == now else ""
        items.append(f'<li class="{kind}"{current}><b>{number}</b> {name}</li>')
    return f'<ol class="tour-steps" data-testid="tour-steps" data-now="{now}">{"".join(items)}</ol>'


def met_html(right: Sequence[Said], asked: int, wrong: Found | None, note: str) -> str:
    """The pictures that were met: those answered right, then the one where the stamp lies."""
    cards = [card_html(said, "The stamp agrees") for said in right]
    if wrong is not None:
        cards.append(card_html(wrong.said, "The stamp lies"))
    words = html.escape(note)
    if wrong is not None:
        share = 100 * sum(said.on_stamp for said in right) / max(len(right), 1)
        words = (
            f"Right in {len(right)} of the first {asked} pictures where the stamp agrees; as it settled on "
            f"those answers, {share:.0f} % of the look lay on it. On a picture where the stamp lies it "
        )
        words += (
            f"says “{html.escape(wrong.said.text)}”, as the stamp does. "
            "<b>It was right for the wrong reason.</b>"
            if wrong.fits
            else f"said “{html.escape(wrong.said.text)}”."
        )
    return _cards(cards) + f'<p class="note" role="status" data-testid="tour-met">{words}</p>'


def sides_html(before: Said, after: Found) -> str:
    """The same question on the same picture, before and after."""
    cards = [
        card_html(before, "Before: with the shortcut", _LARGE_SIDE),
        card_html(after.said, "After: repaired", _LARGE_SIDE),
    ]
    words = (
        f"It looked at the stamp with {_percent(before.on_stamp)} and at the object with "
        f"{_percent(before.on_object)}; now with {_percent(after.said.on_stamp)} and "
        f"{_percent(after.said.on_object)}. It was told no answer and shown no "
        "stamp that lies: boxes on pictures that it answered right did this."
        if after.fits
        else f"Of {after.asked} such pictures none was wrong before and is right now. See the verdict above."
    )
    kind = "note-good" if after.fits else "note-warning"
    return (
        f'<div class="tour-both" data-testid="tour-sides" data-fits="{str(after.fits).lower()}">'
        f"{_cards(cards, 'tour-pair')}<p class='note {kind}'>{words}</p></div>"
    )


def hints_html(scenes: Iterable[ConfoundedScene]) -> str:
    """Pictures with the two boxes, as they would be drawn."""
    cards = []
    for scene in scenes:
        picture = _picture(scene, scene.picture, _CARD_SIDE)
        cards.append(f"<li>{picture}<span>{html.escape(scene.question.question)}</span></li>")
    return _cards(cards, "tour-cards is-few")


def task_html(scene: ConfoundedScene, text: str) -> str:
    """What the boxes are about. Args: text: what it answered."""
    return (
        f'<p class="note">It was asked “{html.escape(scene.question.question)}” and said '
        f"“{html.escape(text)}”.</p>"
    )


def card_html(said: Said, title: str, side: int = _CARD_SIDE) -> str:
    """One picture with the look over it, the question, the answer, and what of the look lay where."""
    question = said.scene.question
    verdict = (
        '<span class="change-up">right</span>'
        if said.right
        else f'<span class="change-down">wrong, it is {html.escape(question.answer)}</span>'
    )
    return (
        f'<li data-testid="tour-card" data-right="{str(said.right).lower()}"><b>{title}</b>'
        f"{_picture(said.scene, said.picture(side), side)}"
        f"<span>{html.escape(question.question)}</span>"
        f"<span>“{html.escape(said.text)}” · {verdict}</span>"
        f"{_bar('on the stamp', said.on_stamp, 'is-away')}"
        f"{_bar('on the object', said.on_object, 'is-look')}</li>"
    )


def lying_html(right_before: int, right_now: int, count: int) -> str:
    """What became of the measured pictures where the stamp lies."""
    told = f'data-before="{right_before}" data-now="{right_now}"'
    return (
        f'<p class="note" data-testid="tour-lying" {told}>Of the {count} measured pictures where the stamp '
        f"lies it answered <b>{right_before}</b> right before, and <b>{right_now}</b> now.</p>"
    )


def _cards(cards: Sequence[str], kind: str = "tour-cards") -> str:
    return f'<ul class="{kind}">{"".join(cards)}</ul>'


def _picture(scene: ConfoundedScene, shown: Image.Image, side: int) -> str:
    """With the outlines of the object and the stamp: in per cent, so that they fit at any size."""
    width, height = scene.picture.size
    boxes = []
    for (x0, y0, x1, y1), kind in ((scene.look_xyxy, "is-look"), (scene.away_xyxy, "is-away")):
        place = (
            f"left:{100 * x0 / width:.2f}%;top:{100 * y0 / height:.2f}%;"
            f"width:{100 * (x1 - x0) / width:.2f}%;height:{100 * (y1 - y0) / height:.2f}%"
        )
        boxes.append(f'<i class="tour-box {kind}" style="{place}"></i>')
    source = data_url(shown, side)
    alt = "The picture, the object and the stamp outlined"
    part = 100 * min(1.0, width / height)
    return (
        f'<span class="tour-frame"><span class="tour-picture" style="width:{part:.1f}%">'
        f'<img src="{source}" alt="{alt}">{"".join(boxes)}</span></span>'
    )


def _bar(label: str, share: float, kind: str) -> str:
    return (
        f'<span class="tour-bar {kind}"><i style="width:{100 * share:.0f}%"></i>'
        f"<span>{label}</span><span>{_percent(share)}</span></span>"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
