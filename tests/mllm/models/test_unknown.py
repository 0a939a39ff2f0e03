"""A model of no known family gets a try, and a plain word on what cannot be worked out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sayo_app.errors import CaptureError, ModelLoadError
from sayo_app.mllm.answering.chat import answer
from sayo_app.mllm.answering.prompt import build_inputs
from sayo_app.mllm.attention import capture
from sayo_app.mllm.models.loading import LoadedModel, load_model
from sayo_app.mllm.models.unknown import Unknown
from sayo_app.settings import Settings
from tests.families import build
from tests.mllm.helpers import noise, padded_batch
from tests.mllm.models.test_cells import SIZES_WH, grids_of, misplaced, showings


def load(folder: Path) -> LoadedModel:
    return load_model(Settings(model=str(folder), device="cpu"))


@pytest.mark.parametrize("kind", ["llava", "llava_squashed"])
def test_a_layout_that_can_be_told_is_right(tmp_path: Path, kind: str) -> None:
    """A square from the picture's middle, or all of the picture squashed to one."""
    loaded = load(build(kind, tmp_path))
    assert isinstance(loaded.family, Unknown) and loaded.family.name == "llava"
    for size_wh in SIZES_WH.values():
        grids = grids_of(loaded, [noise(size_wh)])
        assert grids[0].n_tokens == 16
        assert misplaced(loaded, [noise(size_wh)], 0, grids, showings(grids[0])) == []
    *_, last = answer(loaded, [noise((64, 32))], "Which?", max_new_tokens=4)
    assert last.trace is not None and last.trace.attention.shape == (3, 3, 16)


def test_a_square_from_the_middle_by_hand(tmp_path: Path) -> None:
    """64 x 32 px: the shorter side is 32 px already, so the square is columns 16 to 48."""
    [grid] = grids_of(load(build("llava", tmp_path)), [noise((64, 32))])
    assert grid.cells_xyxy[0].tolist() == [16, 0, 24, 8] and grid.cells_xyxy[-1].tolist() == [40, 24, 48, 32]


def test_a_layout_that_cannot_be_told_is_refused_before_the_answer(tmp_path: Path) -> None:
    loaded = load(build("llava_padded", tmp_path))
    with pytest.raises(CaptureError, match=r"16.*'llava'.*cannot be shown"):
        answer(loaded, [noise((64, 32))], "Which?", max_new_tokens=4)
    assert not loaded.lock.locked()


def test_an_image_processor_that_names_no_size_is_told_nothing_of(tmp_path: Path) -> None:
    loaded = load(build("llava_squashed", tmp_path))
    inputs = build_inputs(loaded, [noise((64, 32))], "Which?")
    loaded.processor.image_processor.size = None
    with pytest.raises(CaptureError, match="laid out in an unknown way"):
        loaded.image_grids(inputs, [(64, 32)])


def test_fewer_tokens_than_patches_are_no_grid(tmp_path: Path) -> None:
    """As where a resampler makes some tokens of all patches: the count gives it away."""
    loaded = load(build("llava_squashed", tmp_path))
    loaded.processor.num_additional_image_tokens = -7
    with pytest.raises(CaptureError, match="8 image tokens for pictures of 16 cells"):
        grids_of(loaded, [noise((64, 32))])


def test_positions_on_three_axes_are_the_model_s(loaded: LoadedModel) -> None:
    """A stranger that counts time, height and width apart: as for Qwen, not as for plain text."""
    stranger = Unknown("another")
    stranger.prepare(loaded.model)
    batch = padded_batch(loaded)
    for got, wanted in zip(
        stranger.positions(loaded.model, batch), loaded.family.positions(loaded.model, batch), strict=True
    ):
        assert torch.equal(got, wanted)
    batch.pop("mm_token_type_ids")
    with pytest.raises(CaptureError, match="in its own way"):
        stranger.positions(loaded.model, batch)


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["text_config"] |= changes
    path.write_text(json.dumps(config))


def test_a_model_that_names_no_image_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "git"}')
    with pytest.raises(ModelLoadError, match="which token stands for a piece of the picture"):
        load(tmp_path)


def test_a_model_without_full_attention_is_refused(tmp_path: Path) -> None:
    folder = build("llava", tmp_path)
    edit_config(folder, model_type="mistral", sliding_window=8)
    with pytest.raises(ModelLoadError, match="no layer with full attention"):
        load(folder)


def test_a_model_whose_attention_is_out_of_reach_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a model computes attention by itself: no row comes."""
    monkeypatch.setattr(capture.CaptureRequest, "wants", lambda *_: False)
    with pytest.raises(ModelLoadError, match=r"attention rows that can be read.*AttentionInterface"):
        load(build("llava", tmp_path))


def test_a_processor_that_needs_more_than_is_installed_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ImportError("LlavaProcessor requires the Torchvision library")

    monkeypatch.setattr("sayo_app.mllm.models.unknown.AutoProcessor.from_pretrained", fail)
    with pytest.raises(ModelLoadError, match=r"Torchvision.*Install the package"):
        load(build("llava", tmp_path))
