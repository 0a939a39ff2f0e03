from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BatchFeature

from sayo_app.errors import ModelError, ModelLoadError
from sayo_app.mllm.answering.prompt import build_inputs, prompt_text
from sayo_app.mllm.models import loading
from sayo_app.mllm.models.families import FAMILIES
from sayo_app.mllm.models.loading import LoadedModel, load_model, pick_device
from sayo_app.mllm.models.patch import PatchProduct, linear_patch_embed
from sayo_app.settings import Settings
from tests.conftest import FAMILIES as TESTED
from tests.conftest import MORE_FAMILIES
from tests.families import build
from tests.mllm.helpers import SIZES_WH, noise, padded_batch


def test_a_model_is_loaded_ready_to_answer(loaded: LoadedModel) -> None:
    assert loaded.is_bundled and not loaded.model.training and loaded.dtype == torch.float32
    assert loaded.n_layers == 3 and loaded.attention_layers == [0, 1, 2]
    assert loaded.model.config.text_config._attn_implementation == "sayo"
    assert loaded.tokenizer.convert_ids_to_tokens(loaded.image_token_id) == "<|image_pad|>"


def test_layers_that_slide_are_not_read(loaded: LoadedModel) -> None:
    config = loaded.config.__class__.from_dict(loaded.config.to_dict())
    config.text_config.layer_types = ["sliding_attention", "full_attention", "sliding_attention"]
    assert loaded.family.attention_layers(config) == [1]


def test_every_known_family_is_tested() -> None:
    assert set(FAMILIES) == {*TESTED, *MORE_FAMILIES}


def test_of_hybrid_and_sliding_layers_only_full_attention_is_read(any_loaded: LoadedModel) -> None:
    """Qwen3.5 has linear attention in two layers of three here, Gemma 3 a window in every other."""
    wanted = {"qwen3_5": [2, 5], "gemma3": [1, 3]}.get(any_loaded.family.name, [0, 1, 2])
    assert any_loaded.attention_layers == wanted
    assert len(any_loaded.family.decoder_layers(any_loaded.model)) == any_loaded.n_layers


def test_what_stands_for_a_picture_is_never_sampled(any_loaded: LoadedModel) -> None:
    suppressed = any_loaded.family.never_sampled(any_loaded.config)
    assert any_loaded.image_token_id in suppressed and len(suppressed) == len(set(suppressed))
    names = any_loaded.tokenizer.convert_ids_to_tokens(suppressed)
    assert not {"<|im_end|>", "<|endoftext|>"} & set(names)


@pytest.mark.parametrize("template_file", ["chat_template.jinja", "chat_template.json"])
def test_other_layouts_of_a_model_s_folder(
    any_loaded: LoadedModel, any_dir: Path, tmp_path: Path, template_file: str
) -> None:
    """All of the processor in one file, as transformers 5 saves it; the template in JSON, as 4 did."""
    folder = tmp_path / "saved"
    shutil.copytree(any_dir, folder)
    (folder / "preprocessor_config.json").unlink()
    any_loaded.processor.save_pretrained(folder)
    if template_file.endswith("json"):
        template = (folder / "chat_template.jinja").read_text()
        (folder / "chat_template.jinja").unlink()
        (folder / template_file).write_text(json.dumps({"chat_template": template}))
    again = replace(any_loaded, processor=any_loaded.family.load_processor(folder, any_loaded.config))
    wanted, got = (build_inputs(it, [noise((96, 64))], "Which?") for it in (any_loaded, again))
    assert wanted.keys() == got.keys() and all(torch.equal(wanted[name], got[name]) for name in wanted)


TEXT_ONLY = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + m['content'] }}{% endfor %}"
DEAF = "{% for m in messages %}{% for c in m['content'] %}{{ c['text'] }}{% endfor %}{% endfor %}"


def test_the_processor_s_template_wins_over_the_tokenizer_s(
    any_loaded: LoadedModel, any_dir: Path, tmp_path: Path
) -> None:
    """As LLaVA-OneVision was converted: the tokenizer's is the text model's, which takes no pictures."""
    folder = tmp_path / "converted"
    shutil.copytree(any_dir, folder)
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    told = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(told | {"chat_template": TEXT_ONLY}))
    again = replace(any_loaded, processor=any_loaded.family.load_processor(folder, any_loaded.config))
    assert prompt_text(again, "Which?") == prompt_text(any_loaded, "Which?")


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (None, "does not have a chat template"),
        (TEXT_ONLY, "can only concatenate"),
        (DEAF, "says nothing of a picture"),
        ("{{ raise_exception('No pictures, please.') }}", "No pictures, please."),
        ("{% for", "unexpected 'end of template'"),
    ],
)
def test_a_template_without_a_place_for_pictures_is_found_at_load(
    tiny_model_dir: Path, tmp_path: Path, template: str | None, why: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_dir, folder)
    (folder / "chat_template.jinja").unlink()
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(ModelLoadError, match=f"place for pictures.*({why}).*chat_template.jinja"):
        load_model(Settings(model=str(folder), device="cpu"))


@torch.no_grad()
def test_linear_patch_embedding_equals_the_convolution(eager: Any, loaded: LoadedModel) -> None:
    patches = torch.randn(7, 3 * 2 * 8 * 8)
    conv = eager.model.visual.patch_embed
    wanted, keys = conv(patches), list(eager.state_dict())
    weight = conv.proj.weight
    linear_patch_embed(linear_patch_embed(eager))
    assert type(conv.proj) is PatchProduct and conv.proj.weight is weight
    torch.testing.assert_close(conv(patches), wanted, rtol=0, atol=1e-5)
    assert list(eager.state_dict()) == keys, "checkpoints must fit with and without it"
    assert type(loaded.model.model.visual.patch_embed.proj) is PatchProduct


def test_an_overlapping_convolution_is_left_alone() -> None:
    module = torch.nn.Module()
    module.proj = torch.nn.Conv3d(3, 4, kernel_size=2, stride=1)
    assert type(linear_patch_embed(module).proj) is torch.nn.Conv3d


def test_image_grids_of_a_padded_batch(loaded: LoadedModel, batch: BatchFeature) -> None:
    grids = loaded.image_grids(batch, SIZES_WH)
    assert [[grid.grid_hw for grid in row] for row in grids] == [[(4, 6)], [(7, 3)], [(5, 5)]]
    assert [row[0].image_wh for row in grids] == list(SIZES_WH)
    assert [row[0].n_tokens for row in grids] == loaded.image_columns(batch["input_ids"]).sum(1).tolist()


def test_two_pictures_in_one_prompt_get_a_grid_each(loaded: LoadedModel) -> None:
    picture = "<|vision_start|><|image_pad|><|vision_end|>"
    inputs = loaded.processor(
        text=[f"{picture} or {picture}?", f"{picture}?"],
        images=[noise(size) for size in SIZES_WH],
        padding=True,
        return_tensors="pt",
    )
    grids = loaded.image_grids(inputs, SIZES_WH)
    assert [[grid.grid_hw for grid in row] for row in grids] == [[(4, 6), (7, 3)], [(5, 5)]]


def test_positions_of_plain_text_begin_at_the_first_real_token(any_loaded: LoadedModel) -> None:
    """Left padding has no position of its own, and what follows a row follows its last token."""
    batch = padded_batch(any_loaded)
    positions, after = any_loaded.family.positions(any_loaded.model, batch)
    real = batch["attention_mask"].bool()
    start = positions.flatten(0, -3).amax(dim=0) if positions.ndim == 3 else positions
    assert [int(row[mask][0]) for row, mask in zip(start, real, strict=True)] == [0, 0, 0]
    assert torch.equal(start[:, -1] + 1, after)


def test_positions_are_those_of_the_model(loaded: LoadedModel, batch: BatchFeature) -> None:
    """6 x 4 image tokens take max(6, 4) positions, so text goes on earlier than its index."""
    positions, after = loaded.family.positions(loaded.model, batch)
    assert positions.shape == (3, *batch["input_ids"].shape)
    saved = torch.tensor([24 - 6, 21 - 7, 25 - 5])
    assert torch.equal(after, batch["attention_mask"].sum(dim=1) - saved)
    assert torch.equal(positions.amax(dim=(0, 2)) + 1, after)


def test_devices() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cpu", "cuda", "mps")
    for wanted in ("cuda:99", "warp", "xpu"):
        with pytest.raises(ModelLoadError, match="auto"):
            pick_device(wanted)


def test_a_model_that_stays_busy_is_reported(fresh: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LOCK_TIMEOUT_S", 0.01)
    with fresh.exclusive(), pytest.raises(ModelError, match="still running"), fresh.exclusive():
        pass
    with fresh.exclusive():
        pass


DAMAGE = {
    "no config": lambda folder: (folder / "config.json").unlink(),
    "config is not JSON": lambda folder: (folder / "config.json").write_text("{"),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "weights cut short": lambda folder: cut_short(folder / "model.safetensors"),
    "no tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "no image processor": lambda folder: (folder / "preprocessor_config.json").unlink(),
    "another width": lambda folder: edit_config(folder, intermediate_size=96),
    "one layer more": lambda folder: edit_config(folder, num_hidden_layers=4),
}


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def edit_config(folder: Path, **changes: int) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["text_config"] |= changes
    path.write_text(json.dumps(config))


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_folder_is_refused(tiny_model_dir: Path, tmp_path: Path, case: str) -> None:
    """Transformers would fill missing weights with random ones and go on."""
    folder = tmp_path / "broken"
    shutil.copytree(tiny_model_dir, folder)
    DAMAGE[case](folder)
    with pytest.raises(ModelLoadError, match="complete model"):
        load_model(Settings(model=str(folder), device="cpu"))


def test_an_unsupported_family_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelLoadError, match="'bert'"):
        load_model(Settings(model=str(tmp_path), device="cpu"))


@pytest.fixture
def silent_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub that takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(
            "huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}"
        )
        monkeypatch.setattr(loading, "HUB_TIMEOUT_S", 0.2)
        yield


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens where the hub should be."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("hub", ["no_hub", "silent_hub"])
def test_an_unknown_name_fails_soon_without_a_hub(hub: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(hub)
    started = time.perf_counter()
    with pytest.raises(ModelLoadError, match=r"cannot be reached.*bundled"):
        load_model(Settings(model="nobody/nothing-of-this-name", device="cpu"))
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize("name", ["no such//name", "/no/such/folder", "./nothing"])
def test_a_name_that_cannot_be_one_asks_no_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "is_offline_mode", lambda: True)
    with pytest.raises(ModelLoadError):
        load_model(Settings(model=name, device="cpu"))


@pytest.mark.processes
def test_a_downloaded_model_needs_no_hub_and_no_torchvision(tiny_model_dir: Path, tmp_path: Path) -> None:
    """Laid out as huggingface_hub keeps it; the hub's address is dead. In a process of its own, since the
    cache folder is read from the environment once."""
    snapshot = tmp_path / "models--somebody--tiny" / "snapshots" / "0123"
    shutil.copytree(tiny_model_dir, snapshot)
    (tmp_path / "models--somebody--tiny" / "refs").mkdir()
    (tmp_path / "models--somebody--tiny" / "refs" / "main").write_text("0123")
    code = (
        "import sys; sys.modules['torchvision'] = None;"
        "from sayo_app.mllm.models.loading import load_model; from sayo_app.settings import Settings;"
        "print(load_model(Settings(model='somebody/tiny', device='cpu')).n_layers)"
    )
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "3" and "Retrying" not in done.stderr, done.stderr


def test_rows_of_a_mistral_3_picture_end_as_pixtral_s_do(tmp_path: Path) -> None:
    """`PixtralProcessor.replace_image_token` by hand: 20 x 15 px are 3 x 2 tokens of 8 px."""
    loaded = load_model(Settings(model=str(build("mistral3", tmp_path)), device="cpu"))
    inputs = build_inputs(loaded, [noise((20, 15))], "Which?")
    text = loaded.tokenizer.decode(inputs["input_ids"][0])
    row = "[IMG][IMG][IMG]"
    assert f"user\n{row}[IMG_BREAK]{row}[IMG_END]Which?" in text
    assert inputs["image_sizes"].tolist() == [[16, 24]]
