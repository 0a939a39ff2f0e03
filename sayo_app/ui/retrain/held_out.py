"""What a run brought on corrections that it did not train on: the verdict, and where the model looked."""

from __future__ import annotations

import html
from pathlib import Path

from PIL import Image

from sayo_app.core.attention.steps import answer_text
from sayo_app.core.evaluations import HeldOutAnswer, read_evaluation
from sayo_app.core.verdict import COMPARED, change_text, hanging_text
from sayo_app.errors import StorageError
from sayo_app.ui.shared.verdicts import verdict_of
from sayo_app.ui.shared.words import without_paths
from sayo_app.ui.viewer.values import data_url
from storage.base.records import AdapterRecord

_MOST_LOOKS, _LOOK_SIDE = 4, 180
_RIGHT: dict[float | None, str] = {1.0: "change-up", 0.0: "change-down"}

_COVERING = (
    "Looking is no proof: the question is asked again with a region covered by the picture's mean colour, by "
    "a blur, and by what lies around it. A random region of the same size shows what covering alone does."
)


def verdict_html(adapter: AdapterRecord | None, done: int) -> str:
    """In words and numbers; only a better adapter is offered.

    Args:
        done: steps that the run made; the adapter may have gone back to an earlier one.
    """
    if adapter is None:
        return '<p class="note">Its adapter has been deleted.</p>'
    verdict = verdict_of(adapter)
    if verdict is None:
        return '<p class="note">See what the new adapter changed in the <b>Compare</b> tab.</p>'
    known = [change_text(name, verdict.changes[name]) for name in COMPARED if name in verdict.changes]
    rows = "".join(f"<li>{text}</li>" for text in known)
    offer = (
        "It is offered to be switched on, below."
        if verdict.offered
        else "It is not offered to be switched on; the <b>Compare</b> tab shows both side by side."
    )
    step = adapter.summary.get("step", done)
    if step < done:
        offer += (
            f" What is kept is the adapter after step {step}, the best on these corrections. The best of "
            "several flatters itself: see it on others, too."
        )
    word, said = verdict.text.partition(". ")[0].rstrip("."), hanging_text(verdict.changes)
    why, how = (f"{said} ", f'<p class="hint">{_COVERING}</p>') if said else ("", "")
    kind = {"better": "good", "worse": "error"}.get(verdict.word, "warning")
    return (
        f'<div class="note note-{kind}" data-testid="verdict" data-word="{html.escape(verdict.word)}">'
        f"<b>{html.escape(word)}.</b> {why}{offer}<ul>{rows}</ul>{how}</div>"
    )


def looks_html(files: list[Path]) -> str:
    """A few held-out corrections: where the model looked and what it said, evaluation by evaluation.

    A damaged one is said in their place: how the run goes on is to be seen all the same.

    Args:
        files: `evaluation_files` of a run.
    """
    if not files:
        return '<p class="hint">Drawn at the first evaluation.</p>'
    shown = files if len(files) <= _MOST_LOOKS else [files[0], *files[1 - _MOST_LOOKS :]]
    try:
        evaluations = [read_evaluation(path) for path in shown]
    except StorageError as error:
        return f'<p class="note note-warning">{html.escape(without_paths(str(error)))}</p>'
    heads = "".join(f"<th>{'Before' if it.step == 0 else f'After step {it.step}'}</th>" for it in evaluations)
    rows = []
    for number, first in enumerate(evaluations[0].answers):
        if first.drawn is None:
            continue
        wanted = f"<span>{html.escape(first.wanted or '')}</span>"
        cells = "".join(_look(files[0].parent, it.answers[number]) for it in evaluations)
        rows.append(f"<tr><th>{html.escape(first.question)}{wanted}</th>{cells}</tr>")
    return (
        f'<div class="runs" data-testid="looks" data-count="{len(evaluations)}">'
        f'<table class="plain-table looks"><tr><th>Question, right answer</th>{heads}</tr>'
        f"{''.join(rows)}</table></div>"
    )


def _look(folder: Path, answer: HeldOutAnswer) -> str:
    said = html.escape(answer_text(answer.text) or answer.text[-60:] or "nothing")
    right = _RIGHT.get(answer.figures["answer"], "")
    try:
        with Image.open(folder / Path(answer.drawn or "").name) as drawn:
            picture = f'<img alt="Where it looked" src="{data_url(drawn.convert("RGB"), _LOOK_SIDE)}">'
    except OSError:
        picture = ""
    return f'<td>{picture}<br><span class="{right}">{said}</span></td>'
