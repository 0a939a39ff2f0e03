"""What narrows the work list down: the filters above it, and the query that they make."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.access.current import author_name
from sayo_app.errors import InputError
from sayo_app.ui.shared.handlers import TYPED_NAME, typed
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.words import model_label
from sayo_app.ui.worklist.words import STATES
from storage.work.work_records import WorkQuery
from storage.work.worklist import SORTS

_ORIGINS = {"All": "", "Drawn by people": "person", "Generated": "generated"}
_FLAGS = {"All": "", "Flagged": "yes", "Not flagged": "no"}
_ANY = ""


class Filters(NamedTuple):
    """In the order of the arguments of `query_of`."""

    text: gr.Textbox
    states: gr.Dropdown
    sort: gr.Dropdown
    annotator: gr.Dropdown
    model: gr.Dropdown
    family: gr.Dropdown
    origin: gr.Dropdown
    flagged: gr.Dropdown
    below: gr.Textbox
    deleted: gr.Checkbox
    others: gr.Checkbox
    author: gr.Textbox


def lay_out() -> Filters:
    with gr.Row(elem_classes="tight work-filters"):
        text = gr.Textbox(
            label="Search",
            placeholder="in questions and right answers",
            elem_id="corrections-text",
            min_width=200,
        )
        states = gr.Dropdown(
            [(label, state) for state, label in STATES.items() if state != "deleted"],
            multiselect=True,
            value=[],
            label="State (none: all)",
            elem_id="corrections-states",
            min_width=200,
        )
        sorts = [("Newest first" if name == "newest" else it.label, name) for name, it in SORTS.items()]
        sort = _choice("Sort", sorts, "corrections-sort", "newest")
        author = gr.Textbox(
            label="Your name",
            placeholder="optional",
            elem_id="corrections-author",
            elem_classes=TYPED_NAME,
            min_width=150,
        )
    return Filters(text, states, sort, *_lay_out_more(), *_lay_out_boxes(), author)


def _lay_out_more() -> tuple[gr.Dropdown, gr.Dropdown, gr.Dropdown, gr.Dropdown, gr.Dropdown, gr.Textbox]:
    with (
        gr.Accordion("More filters", open=False, elem_id="corrections-more"),
        gr.Row(elem_classes="tight work-filters"),
    ):
        anybody = _choice("Author", [("Anybody", _ANY)], "corrections-annotator")
        model = _choice("Model", [("Any", _ANY)], "corrections-model")
        family = _choice("Kind of question", [("Any", _ANY)], "corrections-family")
        origin = _choice("Origin", list(_ORIGINS.items()), "corrections-origin")
        flagged = _choice("Flag", list(_FLAGS.items()), "corrections-flagged")
        # No gr.Number: on the page an empty one is 0.
        below = gr.Textbox(
            label="Reward below",
            placeholder="−1 to 1",
            elem_id="corrections-below",
            min_width=130,
        )
    return anybody, model, family, origin, flagged, below


def _lay_out_boxes() -> tuple[gr.Checkbox, gr.Checkbox]:
    with gr.Row(elem_classes="tight"):
        options: dict[str, Any] = {"container": False, "scale": 0, "min_width": 190}
        deleted = gr.Checkbox(label="Show deleted", elem_id="corrections-deleted", **options)
        others = gr.Checkbox(label="Hide what I have done", elem_id="corrections-others", **options)
    return deleted, others


def _choice(label: str, choices: list[tuple[str, str]], elem_id: str, value: str = _ANY) -> gr.Dropdown:
    return gr.Dropdown(choices, value=value, label=label, elem_id=elem_id, min_width=150, filterable=False)


def query_of(
    text: str | None,
    states: list[str] | None,
    sort: str | None,
    annotator: str | None,
    model: str | None,
    family: str | None,
    origin: str | None,
    flagged: str | None,
    below: str | None,
    deleted: bool | None,
    others: bool | None,
    author: str | None,
) -> WorkQuery:
    """What the filters say.

    Raises:
        InputError: `below` is no number.
    """
    wanted = tuple(states or ())
    if deleted:
        wanted = (*(wanted or [state for state in STATES if state != "deleted"]), "deleted")
    return WorkQuery(
        states=wanted,
        annotator=annotator or None,
        model=model or None,
        family=family or None,
        origin=origin or None,
        flagged={"yes": True, "no": False}.get(flagged or ""),
        reward_below=_number(typed(below)),
        text=typed(text),
        not_by=author_name(author) or None if others else None,
        sort=sort or "newest",
    )


def _number(text: str) -> float | None:
    if not text:
        return None
    try:
        # As people write it: with a comma, or with the minus sign that the page itself shows.
        number = float(text.replace(",", ".").replace("−", "-"))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(
            expected="a number from -1 to 1 as the reward", got=repr(text)[:80], remedy="Write -0.2, say."
        )
    return number


def choices(studio: Studio) -> tuple[Any, ...]:
    """What the filters by author, model and kind of question offer."""
    found = studio.store.worklist.choices()
    models = [("Any", _ANY), *((model_label(name), name) for name in found["model"])]
    return (
        gr.Dropdown(choices=[("Anybody", _ANY), *((name, name) for name in found["annotator"])]),
        gr.Dropdown(choices=models),
        gr.Dropdown(choices=[("Any", _ANY), *((name, name) for name in found["family"])]),
    )
