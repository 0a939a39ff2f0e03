"""Agreement between annotators: on one item, and over the items that several people corrected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import gradio as gr

from sayo_app.ui.shared.handlers import PRIVATE, does, guarded
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.tables import table
from sayo_app.ui.shared.words import counted
from sayo_app.ui.worklist.words import STATES, label_of
from storage.base.records import CorrectionRecord
from storage.work.work_records import Agreement, PairAgreement

# Each has its regions drawn as pixels: some ten milliseconds an item.
MOST_ITEMS = 300
_NOBODY = "without a name"
_NONE = '<p class="hint">No item has been corrected by two people yet.</p>'


def build(studio: Studio) -> None:
    """Lay out the panel with the agreement over all items, and wire it."""
    with gr.Accordion("Agreement between annotators", open=False, elem_id="agreement"):
        gr.Markdown(
            f"Over the newest {MOST_ITEMS} items that two people or more corrected: the mean overlap (IoU) "
            "of what their regions cover, pixel by pixel, and the share of equal answers.",
            elem_classes="hint",
        )
        work_out = gr.Button("Work it out", size="sm", elem_id="agreement-button", scale=0, min_width=140)
        table = gr.HTML("", elem_id="agreement-table", apply_default_css=False)

    @does("look")
    @guarded
    def on_work_out() -> str:
        items = studio.store.reviews.shared_items(MOST_ITEMS)
        return overall_table([studio.store.reviews.agreement(item) for item in items])

    work_out.click(on_work_out, None, table, **PRIVATE)


def overall_table(items: Sequence[Agreement]) -> str:
    """A line for each two people who met on an item, and one over all of them."""
    pairs = [pair for item in items for pair in item.pairs]
    if not pairs:
        return _NONE
    by_people: dict[tuple[str, str], list[PairAgreement]] = defaultdict(list)
    for pair in pairs:
        by_people[pair.annotators].append(pair)
    rows = [
        (" and ".join(map(_name, people)), counted(len(met), "item"), *_figures(met))
        for people, met in sorted(by_people.items(), key=lambda one: -len(one[1]))
    ]
    rows.append(("All", counted(len(items), "item"), *_figures(pairs)))
    return table(("Annotators", "Met on", "Mean IoU of regions", "Equal answers"), rows)


def item_table(agreement: Agreement, corrections: Sequence[CorrectionRecord]) -> str:
    """Everybody's corrections of an item, and how far they agree; empty where only one person made one."""
    if len({record.annotator for record in corrections}) < 2:
        return ""
    people = [
        (
            _name(it.annotator),
            STATES[it.state],
            it.corrected_answer or "the answer shown was right",
            label_of(it.regions),
        )
        for it in corrections
    ]
    text = table(("Who", "State", "Right answer", "Regions"), people)
    if agreement.pairs:
        met = [(" and ".join(map(_name, pair.annotators)), *_figures([pair])) for pair in agreement.pairs]
        if len(met) > 1:
            met.append(("All", *_figures(agreement.pairs)))
        text += table(("Agreement", "IoU of regions", "Equal answers"), met)
    return text


def _figures(pairs: Sequence[PairAgreement]) -> tuple[str, str]:
    ious = [pair.iou for pair in pairs if pair.iou is not None]
    same = sum(pair.same_answer for pair in pairs) / len(pairs)
    return f"{sum(ious) / len(ious):.2f}" if ious else "–", f"{100 * same:.0f} %"


def _name(annotator: str) -> str:
    return annotator or _NOBODY
