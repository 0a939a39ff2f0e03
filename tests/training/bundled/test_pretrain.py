"""Pretraining data and optimiser: the packed questions are what the questions alone would be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from sayo_app.core.scenes.scene import COLOURS, KINDS, LETTERS, make_scene
from sayo_app.mllm.models.loading import load_model
from sayo_app.mllm.models.patch import linear_patch_embed
from sayo_app.settings import Settings
from training.bundled.architecture import MERGE, build_image_processor, build_model, build_tokenizer
from training.bundled.muon import Muon, orthogonalise
from training.bundled.pretrain import PretrainConfig, corpus, pretrain
from training.bundled.pretrain_data import IGNORE, PackedScenes, dense_labels, normalise, patchify


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(corpus(40))


def test_words_are_whole_tokens_and_any_text_survives(tokenizer) -> None:
    for word in (*KINDS, *COLOURS, *LETTERS):
        assert len(tokenizer.encode(f" {word}", add_special_tokens=False)) == 1
    odd = "Où est l'éléphant 大象?"
    assert tokenizer.decode(tokenizer.encode(odd, add_special_tokens=False)) == odd


def test_patches_are_the_image_processors() -> None:
    scene = make_scene(3)
    out = build_image_processor()(images=[scene.picture], return_tensors="pt")
    _, rows, columns = out["image_grid_thw"][0].tolist()
    small = scene.picture.resize((columns * 8, rows * 8), Image.Resampling.BICUBIC)
    ours = normalise(torch.from_numpy(patchify(small)))
    torch.testing.assert_close(ours, out["pixel_values"], atol=1e-6, rtol=0)


def test_a_packed_question_scores_as_it_would_alone(tokenizer) -> None:
    torch.manual_seed(0)
    model = linear_patch_embed(build_model(tokenizer)).eval()
    batch = PackedScenes(tokenizer, seed=1, pictures=2).batch(0)
    pixels = normalise(batch.patches)
    with torch.no_grad():
        packed = model.model(
            input_ids=batch.input_ids,
            attention_mask=batch.mask(),
            position_ids=batch.position_ids,
            pixel_values=pixels,
            image_grid_thw=batch.grid_thw,
            use_cache=False,
        ).last_hidden_state
    row = 1
    last = int(batch.segments[row].max())
    alone = (batch.segments[row] == 0) | (batch.segments[row] == last)
    ids = batch.input_ids[row][alone][None]
    patches = pixels.chunk(2)[row]
    with torch.no_grad():
        single = model.model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            mm_token_type_ids=(ids == model.config.image_token_id).int(),
            pixel_values=patches,
            image_grid_thw=batch.grid_thw[row : row + 1],
            use_cache=False,
        ).last_hidden_state
    torch.testing.assert_close(packed[row][alone], single[0], atol=2e-5, rtol=1e-4)


def test_labels_are_on_completions_only(tokenizer) -> None:
    batch = PackedScenes(tokenizer, seed=1, pictures=1).batch(0)
    text = tokenizer.decode(batch.input_ids[0][batch.labels[0] != IGNORE])
    assert text.count("<answer>") == int(batch.segments.max())
    assert "?" not in text


def test_dense_labels_name_what_lies_under_the_cell() -> None:
    scene = make_scene(2, shape_wh=(10, 10))
    labels = dense_labels(scene, (10, 10)).reshape(10, 10, 5)
    largest = max(scene.objects, key=lambda thing: thing.side)
    x, y = largest.centre_xy
    kind, colour, letter, row, column = labels[int(y // 48), int(x // 48)]
    assert KINDS[kind] == largest.kind
    assert list(COLOURS)[colour] == largest.colour
    assert LETTERS[letter] == largest.letter
    assert (row, column) == (int(3 * y / 480), int(3 * x / 480))
    background = labels[..., 0] == len(KINDS)
    assert background.any()
    assert (labels[background][:, 1:] == IGNORE).all()


def test_batches_depend_on_their_number_alone(tokenizer) -> None:
    first, again = (PackedScenes(tokenizer, seed=3, pictures=1).batch(7) for _ in range(2))
    assert torch.equal(first.input_ids, again.input_ids)
    assert torch.equal(first.patches, again.patches)
    assert not np.array_equal(first.patches, PackedScenes(tokenizer, seed=4, pictures=1).batch(7).patches)


def test_orthogonalised_singular_values_are_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(24, 40)))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_muons_first_step_is_the_orthogonalised_gradient_at_the_matched_size() -> None:
    """Momentum starts at nothing, so the direction is the gradient's: step = lr 0.2 sqrt(6) NS(g)."""
    torch.manual_seed(0)
    weight, gradient = torch.randn(6, 4), torch.randn(6, 4)
    parameter, untouched = torch.nn.Parameter(weight.clone()), torch.nn.Parameter(weight.clone())
    parameter.grad = gradient.clone()
    Muon([parameter, untouched], lr=0.1, weight_decay=0.0).step()
    expected = weight - 0.1 * 0.2 * 6**0.5 * orthogonalise(gradient)
    torch.testing.assert_close(parameter.detach(), expected, atol=1e-5, rtol=1e-4)
    assert torch.equal(untouched.detach(), weight)


def test_grid_is_about_a_hundred_tokens() -> None:
    processor = build_image_processor()
    for size in ((480, 480), (3000, 500), (200, 900)):
        grid = processor(images=[Image.new("RGB", size)], return_tensors="pt")["image_grid_thw"][0]
        assert 60 <= int(grid.prod()) // MERGE**2 <= 100


@pytest.mark.training
def test_pretraining_resumes_to_the_same_weights_and_writes_a_loadable_model(tmp_path, monkeypatch) -> None:
    """Stopped after the warm-up step and gone on with = both steps at once."""
    monkeypatch.setattr("training.bundled.pretrain.CHECKPOINT_EVERY", 1)
    monkeypatch.setattr("training.bundled.pretrain.corpus", lambda: corpus(20))
    config = PretrainConfig(warmup_steps=1, steps=1, large_tag_steps=1, stop_step=2, pictures=1, processes=1)
    pretrain(config, tmp_path / "whole")
    checkpoint = tmp_path / "state.pt"
    pretrain(replace(config, stop_step=1), tmp_path / "parts", checkpoint)
    pretrain(config, tmp_path / "parts", checkpoint)
    whole, parts = (
        {
            name: tensor
            for file in sorted((tmp_path / folder).glob("*.safetensors"))
            for name, tensor in load_file(file).items()
        }
        for folder in ("whole", "parts")
    )
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert max(file.stat().st_size for file in (tmp_path / "whole").iterdir()) < 10_000_000
    loaded = load_model(Settings.from_environment(model=str(tmp_path / "whole")))
    assert loaded.is_bundled
