"""Drawing, stopping, and that a completion does not depend on the batch it is drawn in."""

from __future__ import annotations

import pytest
import torch

from sayo_app.mllm.models.loading import LoadedModel
from training.data.batches import collate, encode
from training.data.samples import Sample
from training.rl.rollout import draw, generate, group_uniforms
from training.state.progress_log import Cancelled

# Probabilities 0.5, 0.3, 0.15, 0.05, out of order.
LOGITS = torch.log(torch.tensor([[0.15, 0.5, 0.05, 0.3]]))


@pytest.mark.parametrize(
    ("uniform", "top_p", "expected"),
    [
        (0.0, 1.0, 1),
        (0.49, 1.0, 1),
        (0.51, 1.0, 3),
        (0.79, 1.0, 3),
        (0.81, 1.0, 0),
        (0.96, 1.0, 2),
        # The smallest set that holds 0.6 is {1, 3}, of 0.8 in all: 1 takes numbers below 0.625.
        (0.62, 0.6, 1),
        (0.63, 0.6, 3),
        (0.999999, 0.6, 3),
        (0.999999, 0.1, 1),
    ],
)
def test_draw_inverts_the_cumulative_probability(uniform: float, top_p: float, expected: int):
    drawn = draw(LOGITS, torch.tensor([uniform]), temperature=1.0, top_p=top_p)
    assert drawn.tolist() == [expected]


def test_draw_is_greedy_at_temperature_zero_and_without_numbers():
    assert draw(LOGITS, None, temperature=1.0, top_p=1.0).tolist() == [1]
    assert draw(LOGITS, torch.tensor([0.99]), temperature=0, top_p=1.0).tolist() == [1]


def test_draw_never_takes_a_token_of_no_probability():
    logits = LOGITS.clone()
    logits[0, 2] = -torch.inf
    uniforms = torch.linspace(0, 1, 101)[:-1]
    drawn = draw(logits.expand(100, -1), uniforms, temperature=1.0, top_p=1.0)
    assert set(drawn.tolist()) == {0, 1, 3}


def test_a_group_is_the_same_alone_and_in_a_padded_batch(loaded: LoadedModel, samples: list[Sample]):
    prompts = [encode(loaded, sample) for sample in samples[:3]]
    assert len({prompt.length for prompt in prompts}) == 3
    seeds = [(0, place) for place in range(3)]
    together = generate(
        loaded,
        collate(loaded, prompts),
        max_new_tokens=12,
        num_generations=2,
        uniforms=group_uniforms(seeds, 2, 12),
        top_p=0.9,
    )
    for i, prompt in enumerate(prompts):
        alone = generate(
            loaded,
            collate(loaded, [prompt]),
            max_new_tokens=12,
            num_generations=2,
            uniforms=group_uniforms(seeds[i : i + 1], 2, 12),
            top_p=0.9,
        )
        assert alone.texts == together.texts[2 * i : 2 * i + 2]


def test_greedy_tokens_are_those_of_generate(loaded: LoadedModel, samples: list[Sample]):
    prompt = encode(loaded, samples[0])
    mine = generate(loaded, collate(loaded, [prompt]), max_new_tokens=10)
    theirs = loaded.model.generate(
        **prompt.inputs,
        max_new_tokens=10,
        do_sample=False,
        suppress_tokens=list(loaded.family.never_sampled(loaded.config)),
    )
    assert mine.ids[0].tolist() == theirs[0, prompt.length :].tolist()


def test_a_completion_stops_at_its_end_token_and_image_tokens_never_come(
    loaded: LoadedModel, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
):
    batch = collate(loaded, [encode(loaded, samples[0])])
    end, never = loaded.tokenizer.eos_token_id, list(loaded.family.never_sampled(loaded.config))
    bias = torch.zeros(loaded.config.get_text_config().vocab_size)
    bias[never], bias[end] = 1e4, 4.0
    loaded.model.lm_head.register_forward_hook(lambda module, given, logits: logits + bias)
    done = generate(
        loaded,
        batch,
        max_new_tokens=20,
        num_generations=16,
        uniforms=group_uniforms([(0,)], 16, 20),
    )
    assert not torch.isin(done.ids, torch.tensor(never)).any()
    lengths = done.mask.sum(dim=1)
    assert lengths.unique().numel() > 1
    for ids, mask, length in zip(done.ids, done.mask, lengths, strict=True):
        assert mask[:length].all() and not mask[length:].any()
        ended = ids[: length - 1] == end
        assert not ended.any()
        assert length == 20 or ids[length - 1] == end


def test_it_stops_where_it_is_asked_to(loaded: LoadedModel, samples: list[Sample]):
    calls = iter(range(3))

    def check() -> None:
        if next(calls, None) is None:
            raise Cancelled

    with pytest.raises(Cancelled):
        generate(loaded, collate(loaded, [encode(loaded, samples[0])]), max_new_tokens=50, check=check)
