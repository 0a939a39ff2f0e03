"""What the tour consists of on the page."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr

from sayo_app.ui.shared.handlers import needs
from sayo_app.ui.shared.refresh import shown_last
from sayo_app.ui.tour.drawn import STEPS
from sayo_app.ui.tour.kept import Plan
from sayo_app.ui.viewer.component import ViewerOptions
from sayo_app.ui.viewer.viewer import Viewer

OPEN, GO_ON = "Watch a shortcut being repaired", "Go on with the tour"
_ENTRY = (
    '<p class="tour-entry"><b>New here?</b> A model that is right for the wrong reason, two boxes, one '
    "retraining: about three minutes, and nothing is prepared.</p>"
)
_MEET = (
    "These scenes have a **stamp** in a corner that shows an answer. This model has learnt to read that, "
    "not the object that it is asked about. The overlay is where it looked as it settled on its answer; the "
    "boxes are the object (pink) and the stamp (violet, dashed)."
)
_TEACH = (
    "These answers are right, so telling it the right answer teaches nothing. **Draw two boxes**: one around "
    "the object that is asked about, one around the stamp. Then press **Not here** (X) while the stamp's box "
    "is selected: that is where it must not look."
)
_OTHERS = (
    "On two more pictures the boxes look like this. Three pictures are not enough: the others come "
    "with one click. On all of them the stamp agrees, and the model answers right."
)
_TRAIN = (
    "A real run, as in the Retrain tab, on these corrections alone. It is measured on {measured} other "
    "pictures. On {lying} of them the stamp lies; it is never trained on such a one. This takes about one "
    "minute of processor time. You can leave and come back."
)
_AFTER = (
    "The verdict, from the pictures that it was not trained on, and both models on a picture where the stamp "
    "lies."
)
_CLEAN = (
    "Removes the tour's corrections, pictures, run, models and files, at any step. What you made yourself "
    "stays. Ask then uses the model that it used before."
)


class Parts(NamedTuple):
    """All that is wired."""

    seen: gr.HTML
    entry: gr.HTML
    open: gr.Button
    panel: gr.Column
    steps: gr.HTML
    leave: gr.Button
    sections: tuple[gr.Accordion, ...]
    met: gr.HTML
    viewer: Viewer
    save: gr.Button
    draw: gr.Button
    task: gr.HTML
    hints: gr.HTML
    generate: gr.Button
    taught: gr.HTML
    train: gr.Button
    cancel: gr.Button
    status: gr.HTML
    chart: gr.Plot
    looks: gr.HTML
    verdict: gr.HTML
    compare: gr.Button
    sides: gr.HTML
    use: gr.Button
    back: gr.Button
    remove: gr.Button
    removing: gr.HTML

    @property
    def seen_by_clock(self) -> tuple[Any, ...]:
        """In the order of `watching.store_view`."""
        return (
            self.seen,
            self.entry,
            self.open,
            self.panel,
            self.steps,
            *self.sections,
            self.taught,
            self.generate,
            self.train,
            self.cancel,
            self.status,
            self.chart,
            self.looks,
            self.verdict,
        )


def lay_out(plan: Plan) -> Parts:
    """Button and panel, the panel not shown yet."""
    made: dict[str, Any] = {"seen": shown_last()}
    with gr.Row(elem_classes=["tour-open", needs("tour.begin")], equal_height=True):
        made["entry"] = gr.HTML(_ENTRY, elem_id="tour-entry", apply_default_css=False)
        made["open"] = _button(OPEN, "tour-open", variant="primary", min_width=260)
    with gr.Column(visible=False, elem_id="tour-panel") as made["panel"]:
        with gr.Row(elem_classes="tight", equal_height=False):
            made["steps"] = gr.HTML("", elem_id="tour-steps", apply_default_css=False)
            made["leave"] = _button("Leave the tour", "tour-leave")
        sections = []
        for number, fill in enumerate((_meet, _teach, _train, _after), 1):
            name = f"{number} · {STEPS[number - 1]}"
            with gr.Accordion(name, open=number < 3, elem_id=f"tour-section-{number}") as section:
                made |= fill(plan)
            sections.append(section)
        made["sections"] = tuple(sections)
        gr.Markdown(f"**5 · {STEPS[4]}.** {_CLEAN}", elem_classes="hint")
        with gr.Row(elem_classes="tight"):
            made["remove"] = _button(
                "Remove everything the tour made", "tour-remove", variant="stop", min_width=280
            )
        made["removing"] = gr.HTML("", elem_id="tour-removing", apply_default_css=False)
    return Parts(**made)


def _meet(plan: Plan) -> dict[str, Any]:
    gr.Markdown(_MEET, elem_classes="hint")
    return {"met": gr.HTML("", elem_id="tour-met", apply_default_css=False)}


def _teach(plan: Plan) -> dict[str, Any]:
    gr.Markdown(_TEACH, elem_classes="hint")
    task = gr.HTML("", elem_id="tour-task", apply_default_css=False)
    viewer = Viewer(
        ViewerOptions("tour-viewer", editable=True), hint="The picture comes when the model has answered."
    )
    with gr.Row(elem_classes="tight"):
        save = _button("Save my boxes", "tour-save", variant="primary")
        draw = _button("Draw them for me", "tour-draw", min_width=180)
    gr.Markdown(_OTHERS, elem_classes="hint")
    hints = gr.HTML("", elem_id="tour-hints", apply_default_css=False)
    with gr.Row(elem_classes="tight"):
        generate = _button("Add the other corrections", "tour-generate", variant="primary", min_width=240)
    taught = gr.HTML("", elem_id="tour-taught", apply_default_css=False)
    return {
        "viewer": viewer,
        "save": save,
        "draw": draw,
        "task": task,
        "hints": hints,
        "generate": generate,
        "taught": taught,
    }


def _train(plan: Plan) -> dict[str, Any]:
    text = _TRAIN.format(measured=plan.lying + plan.agreeing, lying=plan.lying)
    gr.Markdown(text, elem_classes="hint")
    with gr.Row(elem_classes="tight"):
        train = _button("Retrain", "tour-train", variant="primary", interactive=False)
        cancel = _button("Cancel", "tour-cancel", variant="stop", interactive=False)
    status = gr.HTML("", elem_id="tour-status", apply_default_css=False)
    chart = gr.Plot(show_label=False, elem_id="tour-chart", visible=False)
    looks = gr.HTML("", elem_id="tour-looks", apply_default_css=False)
    return {"train": train, "cancel": cancel, "status": status, "chart": chart, "looks": looks}


def _after(plan: Plan) -> dict[str, Any]:
    gr.Markdown(_AFTER, elem_classes="hint")
    verdict = gr.HTML("", elem_id="tour-verdict", apply_default_css=False)
    with gr.Row(elem_classes="tight"):
        compare = _button("Show before and after", "tour-compare", variant="primary", min_width=220)
        use = _button("Switch it on", "tour-use")
        back = _button("Back to the untouched model", "tour-back", min_width=270)
    sides = gr.HTML("", elem_id="tour-sides", apply_default_css=False)
    return {"verdict": verdict, "compare": compare, "use": use, "back": back, "sides": sides}


def _button(label: str, elem_id: str, **more: Any) -> gr.Button:
    return gr.Button(label, elem_id=elem_id, scale=0, **{"min_width": 140} | more)
