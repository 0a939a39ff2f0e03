"""`python -m training pretrain`: make the bundled model, from nothing but this repository.

Two phases, one schedule:

1. Warm-up. Only the vision tower: every merged image token is to speak the words of the object that covers
   it (kind, colour, letter: cosine to the decoder's own word embeddings) and to know where that object's
   centre lies (two linear heads).
2. Joint. The whole model answers packed questions (`pretrain_data`); the dense loss stays on at a fraction.

Tags are large and easy to read at first; from `large_tag_steps` on their size varies as in the world that the
model is measured on.

Matrices are trained with Muon, everything else with AdamW. The learning rate's schedule falls linearly to
zero; `stop_step` ends the run before that.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from sayo_app.core.files import whole_file, write_text
from sayo_app.core.scenes.questions import scene_questions
from sayo_app.core.scenes.scene import COLOURS, KINDS, LETTERS, make_scene
from sayo_app.mllm.models.patch import linear_patch_embed
from sayo_app.settings import ASSETS_DIR
from training.bundled.architecture import build_image_processor, build_model, build_tokenizer
from training.bundled.muon import Muon
from training.bundled.pretrain_data import IGNORE, PACKED_FAMILIES, PackedBatch, PackedScenes, normalise

log = logging.getLogger(__name__)

REPORT_EVERY, CHECKPOINT_EVERY = 50, 250


@dataclass(frozen=True)
class PretrainConfig:
    """What is needed to make the model again.

    Attributes:
        warmup_steps, steps: of the two phases; the learning rate's schedule is laid over both.
        large_tag_steps: tags are large up to here.
        stop_step: training ends here, before the schedule does: a model that has learnt its world out would
            leave nothing to correct.
        pictures: a step, over all processes.
        dense_weight: of the dense loss in the joint phase.
        processes: that share the work on a CPU.
    """

    warmup_steps: int = 800
    steps: int = 1700
    large_tag_steps: int = 1250
    stop_step: int = 1750
    pictures: int = 10
    learning_rate: float = 2e-3
    dense_weight: float = 0.2
    seed: int = 0
    processes: int = 2


class DenseHead(nn.Module):
    """Scores merged image tokens against the words of what covers them, and where its centre lies."""

    def __init__(self, tokenizer: Any, width: int) -> None:
        super().__init__()

        def words(names: tuple[str, ...]) -> Tensor:
            return torch.tensor([tokenizer.encode(f" {n}", add_special_tokens=False)[0] for n in names])

        background = torch.tensor([tokenizer.convert_tokens_to_ids("<|vision_end|>")])
        self.word_ids = [torch.cat([words(KINDS), background]), words(tuple(COLOURS)), words(LETTERS)]
        self.places = nn.ModuleList([nn.Linear(width, 3), nn.Linear(width, 3)])
        self.sharpness = nn.Parameter(torch.tensor(8.0))

    def forward(
        self, tokens: Float[Tensor, "image width"], labels: Int[Tensor, "image 5"], embedding: Tensor
    ) -> tuple[Float[Tensor, ""], Float[Tensor, " label"]]:
        """The mean loss over the five labels, and the share of tokens right for each."""
        unit = F.normalize(tokens, dim=-1)
        logits = [
            self.sharpness * unit @ F.normalize(embedding[ids.to(tokens.device)], dim=-1).T
            for ids in self.word_ids
        ] + [place(tokens) for place in self.places]
        losses = [
            F.cross_entropy(scores, labels[:, i], ignore_index=IGNORE) for i, scores in enumerate(logits)
        ]
        right = [
            (scores.argmax(-1) == labels[:, i])[labels[:, i] != IGNORE].float().mean()
            for i, scores in enumerate(logits)
        ]
        return torch.stack(losses).mean(), torch.stack(right).detach()


def corpus(scenes: int = 400) -> list[str]:
    """Questions and completions whose words the tokenizer is to know."""
    made = []
    for seed in range(scenes):
        for item in scene_questions(make_scene(seed, large_tags=True), seed, PACKED_FAMILIES):
            made += [f"{item.question}", f"{item.completion}"]
    words = [f" {word}" for word in (*KINDS, *COLOURS, *LETTERS)] + [*KINDS, *COLOURS, *LETTERS]
    return made + words * 50 + ["user\n", "assistant\n"] * 50


def pretrain(config: PretrainConfig, folder: Path, checkpoint: Path | None = None) -> None:
    """Train and write the model into `folder`.

    On a CPU the work is shared by `config.processes` processes, whose gradients are averaged: a model this
    small gains more from that than from more threads. With `checkpoint`, the state is written there now and
    then, and a run that finds one goes on from it.
    """
    if torch.cuda.is_available() or config.processes == 1:
        _work(0, config, folder, checkpoint, 1, "")
        return
    with tempfile.TemporaryDirectory() as meeting:
        spawn(
            _work, (config, folder, checkpoint, config.processes, f"file://{meeting}/point"), config.processes
        )


def _work(
    rank: int, config: PretrainConfig, folder: Path, checkpoint: Path | None, processes: int, meeting: str
) -> None:
    """One process of the run: the same weights in all, different pictures in each."""
    logging.basicConfig(
        level=logging.INFO if rank == 0 else logging.WARNING, format="%(asctime)s %(message)s"
    )
    if processes > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(config.seed)
    tokenizer = build_tokenizer(corpus())
    model: Any = build_model(tokenizer)
    model.to(device)
    linear_patch_embed(model)
    head = DenseHead(tokenizer, model.config.vision_config.out_hidden_size).to(device)
    optimisers = _optimisers(model, head, config)
    state = {"model": model, "head": head, "muon": optimisers[0], "adam": optimisers[1]}
    start, stop = _resume(state, checkpoint), min(config.stop_step, config.warmup_steps + config.steps)
    data = PackedScenes(tokenizer, config.seed, config.pictures // processes)
    began, window = time.perf_counter(), []
    model.train()
    for step in range(start, stop):
        batch = data.batch(step * processes + rank, large_tags=step < config.large_tag_steps)
        figures = _step(model, head, optimisers, batch, step, config, device)
        window.append(figures)
        if rank == 0 and (step + 1) % REPORT_EVERY == 0:
            _report(step + 1, (time.perf_counter() - began) / (step + 1 - start), window)
            window.clear()
        if rank == 0 and checkpoint is not None and (step + 1) % CHECKPOINT_EVERY == 0:
            save(model, tokenizer, folder, config)
            with whole_file(checkpoint) as temporary:
                torch.save({"step": step + 1} | {k: v.state_dict() for k, v in state.items()}, temporary)
    if rank == 0:
        save(model, tokenizer, folder, config)
    if processes > 1:
        dist.destroy_process_group()


def _step(
    model: Any,
    head: DenseHead,
    optimisers: tuple[torch.optim.Optimizer, ...],
    batch: PackedBatch,
    step: int,
    config: PretrainConfig,
    device: torch.device,
) -> dict[str, float]:
    _schedule(optimisers, step, config)
    loss, figures = _loss(model, head, batch, device, config, warm=step < config.warmup_steps)
    loss.backward()
    parameters = [p for o in optimisers for g in o.param_groups for p in g["params"] if p.grad is not None]
    if dist.is_initialized():
        gradients = [p.grad for p in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        means = flat.split([gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return figures


def _report(step: int, rate: float, window: list[dict[str, float]]) -> None:
    means = {name: round(sum(f[name] for f in window) / len(window), 4) for name in window[-1]}
    log.info("%s", json.dumps({"step": step, "s_per_step": round(rate, 3)} | means))


def _resume(state: dict[str, Any], checkpoint: Path | None) -> int:
    """Load the state that `checkpoint` holds, if there is one; returns the number of steps done."""
    if checkpoint is None or not checkpoint.exists():
        return 0
    stored = torch.load(checkpoint, weights_only=True)
    for name, part in state.items():
        part.load_state_dict(stored[name])
    log.info("resumed from %s at step %d", checkpoint, stored["step"])
    return int(stored["step"])


def _loss(
    model: Any,
    head: DenseHead,
    batch: PackedBatch,
    device: torch.device,
    config: PretrainConfig,
    *,
    warm: bool,
) -> tuple[Float[Tensor, ""], dict[str, float]]:
    pixels = normalise(batch.patches.to(device))
    embedding = model.get_input_embeddings().weight
    features = model.model.get_image_features(pixels, batch.grid_thw.to(device), return_dict=True)
    dense, right = head(torch.cat(features.pooler_output), batch.dense.to(device), embedding)
    figures = {"dense": dense.item()} | dict(
        zip(("kind", "colour", "letter", "row", "column"), right.tolist(), strict=True)
    )
    if warm:
        return dense, figures
    hidden = model.model(
        input_ids=batch.input_ids.to(device),
        attention_mask=batch.mask().to(device),
        position_ids=batch.position_ids.to(device),
        mm_encoder_outputs={"image": features},
        use_cache=False,
    ).last_hidden_state
    labels = batch.labels.to(device)[:, 1:]
    chosen = labels != IGNORE
    logits = model.lm_head(hidden[:, :-1][chosen])
    language = F.cross_entropy(logits, labels[chosen])
    hits = (logits.argmax(-1) == labels[chosen]).float().mean().item()
    return language + config.dense_weight * dense, figures | {"loss": language.item(), "hits": hits}


def _optimisers(
    model: nn.Module, head: nn.Module, config: PretrainConfig
) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    matrices: list[Tensor] = []
    others: list[Tensor] = list(head.parameters())
    for name, parameter in model.named_parameters():
        is_matrix = parameter.ndim == 2 and "embed" not in name and "lm_head" not in name
        (matrices if is_matrix else others).append(parameter)
    muon = Muon(matrices, lr=config.learning_rate)
    adam = torch.optim.AdamW(others, lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    return muon, adam


def _schedule(optimisers: tuple[torch.optim.Optimizer, ...], step: int, config: PretrainConfig) -> None:
    """Linear up over 50 steps, then flat, then linear down to nothing over the last 60 %."""
    total = config.warmup_steps + config.steps
    rate = config.learning_rate * min(1.0, (step + 1) / 50, (total - step) / (0.6 * total))
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate


def save(model: Any, tokenizer: Any, folder: Path, config: PretrainConfig) -> None:
    """Model, tokenizer and processor in the layout of any Hugging Face model; shards under 10 MB."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, max_shard_size="9MB")
    tokenizer.save_pretrained(folder)
    build_image_processor().save_pretrained(folder)
    write_text(folder / "pretrain.json", json.dumps(asdict(config), indent=2) + "\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's flags: the fields of `PretrainConfig` and where to write."""
    parser.add_argument("--out", type=Path, default=ASSETS_DIR / "bundled")
    parser.add_argument(
        "--checkpoint", type=Path, help="write the state here now and then, and resume from it"
    )
    for name, value in asdict(PretrainConfig()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)


def run(arguments: argparse.Namespace) -> int:
    """Entry point of `python -m training pretrain`."""
    config = PretrainConfig(**{name: getattr(arguments, name) for name in asdict(PretrainConfig())})
    pretrain(config, arguments.out, arguments.checkpoint)
    return 0
