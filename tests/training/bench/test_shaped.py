"""A model of another shape behind the bundled model's prompts."""

from __future__ import annotations

import argparse

import pytest

from sayo_app.mllm.bench.modes import FULL_8B, Shape
from sayo_app.mllm.models.loading import LoadedModel
from training.bench import shaped, step_cost
from training.bench.shaped import shaped_config, shaped_model

SMALL = Shape(2, 64, 128, 4, 2, 16, 1000, 2, 64)


def test_sizes_are_the_shapes_and_tokens_and_patches_the_models(loaded: LoadedModel) -> None:
    before = loaded.config.to_dict()
    config = shaped_config(loaded.config, FULL_8B)
    text, vision = config.text_config, config.vision_config
    assert (text.num_hidden_layers, text.hidden_size, text.vocab_size) == (36, 4096, 151_936)
    # Half of a head's numbers, in three sections.
    assert sum(text.rope_parameters["mrope_section"]) == 64
    assert text.layer_types == ["full_attention"] * 36
    assert (vision.depth, vision.hidden_size, vision.out_hidden_size) == (27, 1152, 4096)
    assert vision.patch_size == loaded.config.vision_config.patch_size
    assert config.image_token_id == loaded.config.image_token_id
    assert loaded.config.to_dict() == before


def test_a_step_of_a_shape_is_taken_on_pictures_of_so_many_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[LoadedModel] = []

    def remembered(*arguments: object) -> LoadedModel:
        made.append(shaped_model(*arguments))
        return made[-1]

    monkeypatch.setitem(shaped.SHAPES, "small", SMALL)
    monkeypatch.setattr(step_cost, "shaped_model", remembered)
    parser = argparse.ArgumentParser()
    step_cost.add_arguments(parser)
    words = "--shape small --image-tokens 256 --steps 1 --prompts 1 --generations 2 --max-new-tokens 3"
    options = parser.parse_args([*words.split(), "--device", "cpu", "--checkpointing"])
    found = step_cost.one(options, "ours")
    assert [step["tokens"] for step in found["steps"]] == [3.0]
    assert made[0].config.text_config.hidden_size == 64
    size = made[0].processor.image_processor.size
    assert size["shortest_edge"] == size["longest_edge"] == 256 * 16**2
    assert step_cost.run_config(options).gradient_checkpointing


def test_the_process_of_a_side_has_the_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    class Done:
        returncode, stdout = 0, "{}"

    started: list[list[str]] = []
    monkeypatch.setattr(step_cost.subprocess, "run", lambda command, **_: started.append(command) or Done)
    parser = argparse.ArgumentParser()
    step_cost.add_arguments(parser)
    step_cost.in_a_process(parser.parse_args(["--shape", "8b", "--checkpointing"]), "trl")
    again = parser.parse_args(started[0][4:])
    assert (again.shape, again.image_tokens, again.checkpointing, again.one) == ("8b", 1024, True, "trl")
