"""What answers hang on: the same questions on pictures with a region covered.

Where a model looks need not be what its answer comes from, so the region is taken away and the answer looked
at again, in each of the ways of `core.rendering.covering`, as each leaves a trace of its own in the picture.

    reliance      share of the ways in which the answer changes, all regions to look at covered
    distraction   the same, all regions not to look at covered
    control       the same, as many regions of the same size covered somewhere else: what covering alone does
    *_logp        share of the ways in which what was said of the whole picture, reasoning and all, becomes
                  less likely by more than `FALL`; a more sensitive measure, which decides nothing

The tokens of `<answer>` alone would not do: the model copies them from the reasoning before them, whatever
the picture shows (bundled model: within 0.005 nats, where the whole became less likely by 4 to 16).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from sayo_app.core.attention.steps import answer_text
from sayo_app.core.geometry.elsewhere import elsewhere
from sayo_app.core.geometry.region import Region
from sayo_app.core.rendering.covering import WAYS, covered
from sayo_app.core.scenes.questions import answers_match
from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import collate, encode
from training.data.completions import Completions
from training.data.samples import Sample
from training.looks.scoring import Scorer, reward_view
from training.rl.judging import Judged
from training.rl.rollout import generate

# Nats: the answer has become half as likely.
FALL = math.log(2)


def first_with_regions(samples: Sequence[Sample], count: int) -> list[bool]:
    """True for the first so many samples, in order, that have a region."""
    left = count
    chosen = []
    for sample in samples:
        chosen.append(bool(sample.regions) and left > 0)
        left -= chosen[-1]
    return chosen


def with_reliance(
    loaded: LoadedModel,
    samples: Sequence[Sample],
    judged: Sequence[Judged],
    chosen: Sequence[bool],
    *,
    max_new_tokens: int,
    batch_size: int = 32,
    check: Callable[[], None] = lambda: None,
) -> list[Judged]:
    """The judged answers, with what they hang on where the sample is chosen.

    Args:
        judged: one for each sample, greedy.
        batch_size: answers at once, more only where one sample has more.
        check: called between batches and tokens; may raise to stop.
    """
    found = list(judged)
    scorer = Scorer(loaded.model, reward_view(loaded))
    plans = [(i, coverings(samples[i])) for i, wanted in enumerate(chosen) if wanted]
    for part in _parts(plans, batch_size):
        check()
        variants: list[Sample] = []
        firsts: list[int] = []
        for i, regions in part:
            firsts += [len(variants)] * (1 + len(regions) * len(WAYS))
            variants += _variants(samples[i], regions)
        texts, log_probs = _answers(loaded, scorer, variants, firsts, max_new_tokens, check)
        start = 0
        for i, regions in part:
            end = start + 1 + len(regions) * len(WAYS)
            hanging = figures(tuple(regions), texts[start:end], log_probs[start:end])
            found[i] = replace(found[i], hanging=hanging)
            start = end
    return found


def coverings(sample: Sample) -> dict[str, tuple[Region, ...]]:
    """The regions that are covered for each figure, by its name.

    Those of the control are as large as the regions to look at, or as those not to look at where there are no
    others. They are random, but the same whenever the sample is measured; none where no place was found.
    """
    look = tuple(region for region in sample.regions if region.look)
    away = tuple(region for region in sample.regions if not region.look)
    rng = np.random.default_rng(list(hashlib.sha256(sample.picture_id.encode()).digest()))
    size = sample.open_picture().size
    control = elsewhere(look, size, rng, away) if look else elsewhere(away, size, rng)
    named = {"reliance": look, "distraction": away, "control": control}
    return {name: regions for name, regions in named.items() if regions}


def figures(names: Sequence[str], texts: Sequence[str], log_probs: Sequence[float]) -> dict[str, float]:
    """The figures of one sample.

    Args:
        names: of what was covered.
        texts: the answer on the whole picture, then those with each covered in each way.
        log_probs: of the first answer on each of these pictures.
    """
    found = {}
    for place, name in enumerate(names):
        ways = range(1 + place * len(WAYS), 1 + (place + 1) * len(WAYS))
        found[name] = float(np.mean([not same_answer(texts[0], texts[i]) for i in ways]))
        found[f"{name}_logp"] = float(np.mean([log_probs[0] - log_probs[i] > FALL for i in ways]))
    return found


def same_answer(first: str, other: str) -> bool:
    """Whether a text answers what the first one does; if that has no `<answer>`, the texts are compared."""
    wanted = answer_text(first)
    return answers_match(other, first) if wanted is None else answers_match(answer_text(other), wanted)


def _parts(
    plans: Sequence[tuple[int, dict[str, tuple[Region, ...]]]], batch_size: int
) -> Iterator[list[tuple[int, dict[str, tuple[Region, ...]]]]]:
    """Samples that go through the model together, each whole."""
    part: list[tuple[int, dict[str, tuple[Region, ...]]]] = []
    rows = 0
    for plan in plans:
        needed = 1 + len(plan[1]) * len(WAYS)
        if part and rows + needed > batch_size:
            yield part
            part, rows = [], 0
        part.append(plan)
        rows += needed
    if part:
        yield part


def _variants(sample: Sample, coverings: Mapping[str, Sequence[Region]]) -> list[Sample]:
    """The sample as it is, then with each of the regions covered in each way."""
    picture = sample.open_picture()
    covers = [covered(picture, regions, way) for regions in coverings.values() for way in WAYS]
    return [replace(sample, open_picture=_opens(one)) for one in (picture, *covers)]


def _opens(picture: Image.Image) -> Callable[[], Image.Image]:
    return lambda: picture


@torch.no_grad()
def _answers(
    loaded: LoadedModel,
    scorer: Scorer,
    variants: Sequence[Sample],
    firsts: Sequence[int],
    max_new_tokens: int,
    check: Callable[[], None],
) -> tuple[Sequence[str], list[float]]:
    """Greedy answers to all variants, and the log-probability of another row's answer on each of them.

    Args:
        firsts: for each variant the row of that other answer.
    """
    batch = collate(loaded, [encode(loaded, variant) for variant in variants])
    said = generate(loaded, batch, max_new_tokens=max_new_tokens, check=check)
    rows = list(firsts)
    first = Completions(said.ids[rows], said.mask[rows], tuple(said.texts[row] for row in rows), 1)
    log_probs = scorer(batch, first).log_probs.masked_fill(~first.mask, 0.0).sum(dim=1)
    return said.texts, log_probs.tolist()
