"""The table of held-out scenes: a row a family, and what covering regions changes where it is asked for."""

from __future__ import annotations

import json

import pytest

from sayo_app.core.scenes.questions import FAMILIES, HELD_OUT_SEED
from sayo_app.mllm.models.loading import LoadedModel
from training.bundled.model_card import model_card
from training.bundled.scenes import columns, evaluate_scenes, table
from training.data.samples import scene_sample
from training.rl.judging import judge
from training.rl.reliance import first_with_regions, with_reliance


def test_the_table_has_a_row_a_family_and_is_plain_json(loaded: LoadedModel) -> None:
    result = evaluate_scenes(loaded, scenes=7, seed=3, max_new_tokens=4, batch_size=4)
    assert result == json.loads(json.dumps(result))
    assert list(result["families"]) == list(FAMILIES)
    assert sum(row["count"] for row in result["families"].values()) == result["overall"]["count"] == 7
    assert result["covered"] == 0 and "reliance" not in columns(result)
    assert all(column in result["overall"] for column in columns(result))
    assert result["machine"]["cores"] and result["versions"]["torch"] and result["seconds"] > 0
    lines = table(result).splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [*FAMILIES, "overall"]
    assert "reliance" not in model_card(result, 1, 1)


def test_the_first_scenes_are_covered_whatever_their_family(loaded: LoadedModel) -> None:
    result = evaluate_scenes(loaded, scenes=7, seed=3, max_new_tokens=4, batch_size=4, covered=2)
    samples = [scene_sample(HELD_OUT_SEED + 3 + i) for i in range(7)]
    chosen = first_with_regions(samples, 2)
    first = judge(loaded, samples, max_new_tokens=4)
    hanging = [one.hanging for one in with_reliance(loaded, samples, first, chosen, max_new_tokens=4)]
    shares = [figures["reliance"] for figures in hanging if figures]
    assert len(shares) == result["covered"] == 2
    assert result["overall"]["reliance"] == pytest.approx(sum(shares) / 2)
    measured = {sample.family for sample, wanted in zip(samples, chosen, strict=True) if wanted}
    assert {family for family, row in result["families"].items() if "reliance" in row} == measured
    lines = table(result).splitlines()
    assert {line.split()[0] for line in lines[1:-3] if line.split()[-2] != "-"} == measured
    assert "of 2 scenes" in lines[-2]
    card = model_card(result, 1, 1)
    assert "| pointing | reliance |" in card and "Of 2 of the scenes" in card
