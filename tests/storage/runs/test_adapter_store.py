from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from sayo_app.errors import AdapterError, NotFoundError
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.store import Store


def test_an_adapter_comes_back(store: Store, settings: Settings) -> None:
    run = store.runs.create(RunConfig())
    folder = settings.adapters_dir / "one"
    made = store.adapters.add(
        name="one", path=folder, base_model="bundled", run_id=run.id, summary={"after": {"accuracy": 0.5}}
    )
    assert made.path == folder
    assert store.adapters.get(made.id) == made
    later = store.adapters.add(name=" ", path=folder, base_model="bundled")
    assert store.adapters.all() == [later, made]
    assert later.name == "adapter"


def test_a_figure_that_is_not_a_number_does_not_lose_the_adapter(store: Store, tmp_path: Path) -> None:
    made = store.adapters.add(
        name="n", path=tmp_path, base_model="b", summary={"kl": math.nan, "list": [math.inf, 1.5, "x"]}
    )
    assert store.adapters.get(made.id).summary == {"kl": None, "list": [None, 1.5, "x"]}


def test_adapters_inside_the_data_folder_move_with_it(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    inside = store.adapters.add(name="in", path=settings.adapters_dir / "one", base_model="bundled")
    outside = store.adapters.add(name="out", path=tmp_path / "elsewhere", base_model="bundled")
    settings.data_dir.mkdir(exist_ok=True)
    moved = settings.replace(data_dir=tmp_path / "moved")
    shutil.move(settings.data_dir, moved.data_dir)
    again = Store(moved)
    assert again.adapters.get(inside.id).path == moved.adapters_dir / "one"
    assert again.adapters.get(outside.id).path == tmp_path / "elsewhere"


def test_the_adapter_in_use_is_switched_and_switched_back(store: Store, tmp_path: Path) -> None:
    assert store.adapters.active() is None
    one, two = (store.adapters.add(name=n, path=tmp_path, base_model="b") for n in ("one", "two"))
    for wanted in (one, two, one):
        store.adapters.set_active(wanted.id)
        assert Store(store.settings).adapters.active() == wanted
    store.adapters.set_active(None)
    assert store.adapters.active() is None


def test_rolling_back_is_the_switch_before(store: Store, tmp_path: Path) -> None:
    assert store.adapters.previous() == (False, None)
    one, two = (store.adapters.add(name=n, path=tmp_path, base_model="b") for n in ("one", "two"))
    store.adapters.set_active(one.id)
    assert store.adapters.previous() == (True, None)
    store.adapters.set_active(two.id)
    store.adapters.set_active(two.id)
    assert store.adapters.previous() == (True, one)
    store.adapters.delete(one.id)
    assert store.adapters.previous() == (True, None)


def test_an_adapter_is_renamed_and_deleted_unless_something_uses_it(store: Store, settings: Settings) -> None:
    one, two = (
        store.adapters.add(name=n, path=settings.adapters_dir / n, base_model="b") for n in ("one", "two")
    )
    for adapter in (one, two):
        adapter.path.mkdir(parents=True)
    assert store.adapters.rename(one.id, " best ").name == "best"
    for name in ("", " ", "x" * 101):
        with pytest.raises(AdapterError, match="1 to 100"):
            store.adapters.rename(one.id, name)
    store.adapters.set_active(one.id)
    run = store.runs.create(RunConfig(base_adapter_id=two.id))
    for adapter, why in ((one, "Ask uses"), (two, f"run {run.id}")):
        with pytest.raises(AdapterError, match=why):
            store.adapters.delete(adapter.id)
        assert adapter.path.exists()
    store.runs.update(run.id, state="cancelled")
    store.adapters.delete(two.id)
    assert [it.id for it in store.adapters.all()] == [one.id]
    assert not two.path.exists()
    assert store.adapters.get(two.id).name == "two"
    for call in (lambda: store.adapters.delete(two.id), lambda: store.adapters.rename(two.id, "x")):
        with pytest.raises(NotFoundError):
            call()


def test_files_outside_the_adapters_folder_are_not_deleted(store: Store, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    store.adapters.delete(store.adapters.add(name="x", path=elsewhere, base_model="b").id)
    assert store.adapters.all() == []
    assert elsewhere.exists()


def test_switching_to_nothing_known_keeps_the_one_in_use(store: Store, tmp_path: Path) -> None:
    one = store.adapters.add(name="one", path=tmp_path, base_model="b")
    store.adapters.set_active(one.id)
    with pytest.raises(NotFoundError):
        store.adapters.set_active(99)
    assert store.adapters.active() == one
    with pytest.raises(NotFoundError):
        store.adapters.get(99)
    with pytest.raises(NotFoundError):
        store.adapters.add(name="x", path=tmp_path, base_model="b", run_id=99)
