"""The kinds of file that an answer can be taken away as, and what writes each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from sayo_app.core.attention.heatmap import METHODS, TRACE_METHODS
from sayo_app.core.bundles.bundle import Bundle, trace_json, write_bundle
from sayo_app.core.files import write_text
from sayo_app.core.geometry.region import Region
from sayo_app.core.held import images
from sayo_app.core.rendering.animate import frames, view, write_gif, write_mp4, write_png
from sayo_app.core.rendering.offline_page import offline_page
from sayo_app.errors import InputError
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.page_files import script, viewer_styles
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.words import model_label
from sayo_app.ui.viewer.component import ViewerOptions
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.viewer.payload import pooled, region_numbers, scope_of
from sayo_app.ui.viewer.queries import selected
from sayo_app.ui.viewer.values import answer_value

_LINE_RGB = (255, 61, 110)


class Taken(NamedTuple):
    """What is taken away.

    Attributes:
        state: what the page shows of the answer.
        shown: the viewer's value of the answer's pictures.
    """

    studio: Studio
    answered: Answered
    state: PageState
    shown: dict[str, Any]


Writer = Callable[[Taken, Path], None]


def _picture(it: Taken, path: Path) -> None:
    values = shown_map(it.answered, it.state)
    pictures = [
        _outlined(picture, regions)
        for picture, regions in zip(images(it.answered.pictures), it.state.fitted(it.answered), strict=True)
    ]
    write_png(path, view(pictures, it.answered.trace.grids, values, it.state.strength))


def _film(write: Callable[..., None]) -> Writer:
    def film(it: Taken, path: Path) -> None:
        trace, maps = it.answered.trace, it.answered.token_maps(it.state.view)
        if not len(trace.attention):
            raise InputError(
                expected="an answer of two words or more", got="a single one", remedy="Ask something else."
            )
        if scope_of(it.state.view) == "answer":
            maps = np.repeat(maps, len(trace.attention), axis=0)
        write(path, frames(images(it.answered.pictures), trace.grids, maps, trace.tokens, it.state.strength))

    return film


def _trace(it: Taken, path: Path) -> None:
    write_bundle(path, _bundle(it))


def _json(it: Taken, path: Path) -> None:
    write_text(path, trace_json(_bundle(it)), durable=False)


def _bundle(it: Taken) -> Bundle:
    answered = it.answered
    record = None if answered.adapter_id is None else it.studio.adapter(answered.adapter_id)
    return Bundle(
        pictures=images(answered.pictures),
        question=answered.question,
        model=_model(it),
        adapter=None if record is None else record.name,
        trace=answered.trace,
        regions=tuple(tuple(regions) for regions in it.state.fitted(answered)),
    )


def _model(it: Taken) -> str:
    return model_label(it.answered.model or it.studio.settings.model)


def _page(it: Taken, path: Path) -> None:
    answered = it.answered
    views = [name for name in TRACE_METHODS if answered.why_not(name) is None]
    views += [name for name in answered.maps if name not in views]
    value = answer_value(it.shown, answered, views=views)
    [first, *_] = it.state.fitted(answered)
    value["regions"] = [region.to_dict() for region in first]
    value["measured"] = _measured(answered, first, views) if first else {}
    value["unavailable"] |= {
        name: "It was not shown before this page was saved." for name in METHODS if name not in views
    }
    options = ViewerOptions("offline", editable=False).to_dict()
    note = f"Answered by {_model(it)}; saved by SAYO Studio."
    text = offline_page(value, options, script(), viewer_styles(), title=answered.question, note=note)
    write_text(path, text, durable=False)


def _measured(answered: Answered, regions: list[Region], views: list[str]) -> dict[str, Any]:
    """By view: the figures for the boxes of the first picture, which no server will be there to give."""
    trace = answered.trace.of_picture(0)
    own = slice(0, trace.grid.n_tokens)
    return {
        name: region_numbers(trace, answered.token_maps(name)[:, own], regions, scope_of(name))
        for name in views
    }


# name on the page, ending, and what writes it
KINDS: dict[str, tuple[str, str, Writer]] = {
    "png": ("Picture of what is shown (PNG)", ".png", _picture),
    "gif": ("Animation over the words (GIF)", ".gif", _film(write_gif)),
    "mp4": ("Film over the words (MP4)", ".mp4", _film(write_mp4)),
    "zip": ("Whole answer, to open again (ZIP: JSON + NPZ)", ".zip", _trace),
    "json": ("Words and figures without arrays (JSON)", ".json", _json),
    "html": ("Page that steps without a server (HTML)", ".html", _page),
}


def shown_map(answered: Answered, state: PageState) -> Float[np.ndarray, " image"]:
    """The map that the page shows: of a token, a step or the answer, in the view that is chosen.

    Raises:
        InputError: there is no such map.
    """
    maps, scope = answered.token_maps(state.view), scope_of(state.view)
    rows, _ = selected(answered.trace, state.selection)
    return pooled(maps, rows.start, rows.stop, scope)


def _outlined(picture: Image.Image, regions: list[Region]) -> Image.Image:
    """The picture with its boxes and polygons drawn in."""
    drawn = picture.convert("RGB").copy()
    pen = ImageDraw.Draw(drawn)
    width = max(2, round(max(picture.size) / 300))
    for region in regions:
        if region.points_xy:
            pen.polygon(region.points_xy, outline=_LINE_RGB, width=width)
        else:
            pen.rectangle(region.box_xyxy, outline=_LINE_RGB, width=width)
    return drawn
