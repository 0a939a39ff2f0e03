"""The tour, on top of the Ask tab: a button, and the guided panel that it opens.

How far it is follows from the store (`kept`), so it goes on after a reload, in another tab or after a
restart; what the model says is asked for anew each time.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from sayo_app.errors import CorrectionError, JobError
from sayo_app.jobs.control import cancel_run
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.handlers import ON_MODEL, PRIVATE, does, guarded, say, say_if_loading
from sayo_app.ui.shared.refresh import Refresh, read_shown
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.tour import kept
from sayo_app.ui.tour.asking import Said, mended, misled, right_ones
from sayo_app.ui.tour.drawn import hints_html, met_html, sides_html, task_html
from sayo_app.ui.tour.kept import Kept, Plan
from sayo_app.ui.tour.layout import Parts, lay_out
from sayo_app.ui.tour.scenes import regions_of
from sayo_app.ui.tour.watching import store_view
from sayo_app.ui.viewer import view_ids
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.viewer.values import answer_value, picture_value
from storage.base.records import CorrectionRecord

_SHOWN = 4


@dataclass
class Visit:
    """Of a browser tab.

    Attributes:
        open: the panel is.
        right: pictures that were answered right, as they were met.
        editor: the answer on which the boxes are drawn.
    """

    open: bool = False
    right: list[Said] = field(default_factory=list)
    editor: Answered | None = None


def build(studio: Studio, session: gr.State, changed: gr.State, refresh: Refresh) -> None:
    """Lay out button and panel, and wire them; the panel looks at the store with each `refresh`.

    Args:
        changed: counts changes of the store, for the other tabs.
    """
    plan = kept.PLAN
    parts = lay_out(plan)
    parts.viewer.wire(studio, session)
    _wire_way(studio, session, changed, refresh, parts, plan)
    _wire_teaching(studio, session, changed, parts, plan)
    _wire_training(studio, session, changed, parts, plan)


def _wire_way(
    studio: Studio, session: gr.State, changed: gr.State, refresh: Refresh, parts: Parts, plan: Plan
) -> None:
    """Into the tour, out of it, and what the clock brings."""

    def view(session: Session, seen: dict[str, str]) -> tuple[Any, ...]:
        return store_view(studio, session.room(Visit).open, seen, plan)

    def shown(session: Session, seen: Any) -> Any:
        return view(session, read_shown(seen))

    @does("tour.begin")
    @guarded
    def on_open(session: Session, changed: int) -> Iterator[Any]:
        kept.begin(studio)
        visit = session.room(Visit)
        visit.open = True
        say_if_loading(studio)
        yield *view(session, {}), changed + 1, *_nothing("Asking the model …")
        for met in _met(studio, session, plan):
            yield *[gr.skip()] * len(parts.seen_by_clock), gr.skip(), *met

    @does("look")
    @guarded
    def on_leave(session: Session) -> Any:
        session.room(Visit).open = False
        return view(session, {})

    @does("tour.remove")
    @guarded
    def on_remove(session: Session, changed: int) -> Iterator[Any]:
        skipped = [gr.skip()] * len(parts.seen_by_clock)
        for waiting in kept.remove(studio):
            yield *skipped, f'<p class="note" role="status">{html.escape(waiting)}</p>', changed
        session.room(Visit).open = False
        say("All that the tour made is removed.")
        yield *view(session, {}), "", changed + 1

    clocked = [*parts.seen_by_clock]
    asked = [parts.met, parts.task, parts.viewer.component, parts.hints, parts.sides]
    refresh.add(shown, [session, parts.seen], clocked)
    for event in (
        parts.open.click(on_open, [session, changed], [*clocked, changed, *asked], **ON_MODEL),
        parts.leave.click(on_leave, session, clocked, **PRIVATE),
        parts.remove.click(on_remove, [session, changed], [*clocked, parts.removing, changed], **ON_MODEL),
    ):
        refresh.on(event.then)


def _nothing(note: str) -> tuple[str, str, Any, str, str]:
    return met_html((), 0, None, note), "", gr.skip(), "", ""


def _met(studio: Studio, session: Session, plan: Plan) -> Iterator[tuple[Any, ...]]:
    """States of (pictures met, what is to be drawn, the editor, pictures with boxes, before and after) while
    the model is asked.
    """
    there = kept.kept(studio.store)
    if there is None or there.adapter is None:
        return
    visit = session.room(Visit)
    right: list[Said] = []
    asked = 0
    for said, asked in right_ones(studio, there.adapter.id, _SHOWN):
        right.append(said)
        yield met_html(right, asked, None, "Asking the model …"), *[gr.skip()] * 4
    visit.right = right
    wrong = misled(studio, there.adapter.id)
    hints = hints_html(said.scene for said in right[1 : plan.drawn])
    task = task_html(right[0].scene, right[0].text) if right else ""
    editor = _editor(studio, session, there, right[0]) if right else gr.skip()
    yield met_html(right, asked, wrong, ""), task, editor, hints, gr.skip()
    if there.trained and there.repaired is not None:
        yield *[gr.skip()] * 4, sides_html(*mended(studio, there.adapter.id, there.repaired.id))


def _editor(studio: Studio, session: Session, there: Kept, said: Said, draw: bool = False) -> dict[str, Any]:
    """The value of the viewer in which the boxes are drawn. Args: draw: they are there already."""
    visit = session.room(Visit)
    answered = Answered(
        view_ids.new_answer("tour"),
        (studio.hold(said.scene.picture),),
        said.scene.question.question,
        said.trace,
        model="bundled",
        adapter_id=None if there.adapter is None else there.adapter.id,
    )
    visit.editor = session.answers.remember(answered)
    shown = picture_value(said.scene.picture, view_ids.new_picture())
    own = next((it for it in there.corrections if it.picture_id == answered.picture_id), None)
    regions = regions_of(said.scene) if draw else () if own is None else own.regions
    return answer_value(shown, answered, regions) | {"draft": None}


def _begun(studio: Studio) -> Kept:
    """Raises CorrectionError: somebody has removed the tour meanwhile."""
    there = kept.kept(studio.store)
    if there is None:
        raise CorrectionError(
            expected="a tour that was begun", got="none any more", remedy="Begin it again on the Ask tab."
        )
    return there


def _wire_teaching(studio: Studio, session: gr.State, changed: gr.State, parts: Parts, plan: Plan) -> None:
    @does("look")
    @guarded
    def on_draw(session: Session) -> Any:
        return _editor(studio, session, _begun(studio), session.room(Visit).right[0], draw=True)

    @does("corrections.save")
    @guarded
    def on_save(state: str, session: Session, changed: int) -> Any:
        record = _save(studio, session, PageState.read(state))
        say(f"Saved as correction {record.id}. It is in the Corrections tab, too.")
        return changed + 1

    @does("corrections.generate")
    @guarded
    def on_generate(session: Session, changed: int) -> Any:
        _begun(studio)
        added = kept.add_generated(studio, session.room(Visit).right, plan)
        say(f"{added} corrections added. They are marked as generated.")
        return changed + 1

    state = gr.Textbox(visible="hidden")
    parts.draw.click(on_draw, session, parts.viewer.component, **PRIVATE)
    parts.save.click(on_save, [state, session, changed], changed, js=parts.viewer.read_state, **PRIVATE)
    parts.generate.click(on_generate, [session, changed], changed, **ON_MODEL)


def _save(studio: Studio, session: Session, state: PageState) -> CorrectionRecord:
    """Raises CorrectionError: no answer, or not both kinds of boxes; RegionError: one outside the picture."""
    visit = session.room(Visit)
    if visit.editor is None or state.id != visit.editor.id:
        raise CorrectionError(
            expected="the picture that the tour shows", got="another one", remedy="Open the tour again."
        )
    [regions] = state.fitted(visit.editor)
    kinds = {region.look for region in regions}
    if kinds != {True, False}:
        missing = (
            "a box on the object" if True not in kinds else "a box on the stamp, turned with “Not here” (X)"
        )
        raise CorrectionError(
            expected="two boxes: look at the object, not at the stamp",
            got=f"{len(regions)} without {missing}" if regions else "none",
            remedy="Draw what is missing, or have both drawn for you.",
        )
    return kept.correct(studio, _begun(studio), visit.right[0], regions)


def _wire_training(studio: Studio, session: gr.State, changed: gr.State, parts: Parts, plan: Plan) -> None:
    @does("runs.start")
    @guarded
    def on_train(changed: int) -> Any:
        run = kept.start(studio, _begun(studio), plan)
        say(f"Run {run.id} {'waits in the queue' if run.state == 'queued' else 'started'}.")
        return changed + 1

    @does("runs.cancel")
    @guarded
    def on_cancel() -> None:
        run = _begun(studio).run
        if run is not None:
            cancel_run(studio.store, run.id)

    @does("ask")
    @guarded
    def on_compare() -> Iterator[Any]:
        before, after = _both(studio)
        yield '<p class="note" role="status">Asking both …</p>'
        yield sides_html(*mended(studio, before, after))

    @does("adapters.switch")
    @guarded
    def on_use(changed: int) -> Any:
        studio.switch(_both(studio)[1])
        say("Ask now uses the repaired model.")
        return changed + 1

    @does("adapters.switch")
    @guarded
    def on_back(changed: int) -> Any:
        studio.switch(None)
        say("Ask uses the untouched model again.")
        return changed + 1

    parts.train.click(on_train, changed, changed, **PRIVATE)
    parts.cancel.click(on_cancel, None, None, **PRIVATE)
    parts.compare.click(on_compare, None, parts.sides, **ON_MODEL)
    parts.use.click(on_use, changed, changed, **ON_MODEL)
    parts.back.click(on_back, changed, changed, **ON_MODEL)


def _both(studio: Studio) -> tuple[int, int]:
    """The adapters before and after. Raises JobError: one of them is not there."""
    there = _begun(studio)
    if there.adapter is None or there.repaired is None:
        raise JobError(
            expected="the model before and after", got="one of them only", remedy="Retrain in step 3 first."
        )
    return there.adapter.id, there.repaired.id
