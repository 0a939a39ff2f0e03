from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sayo_app.errors import AdapterError, NotFoundError
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.store import Store


def test_an_adapter_comes_back(store: Store, settings: Settings) -> None:
    run = store.create_run(RunConfig())
    folder = settings.adapters_dir / "one"
    made = store.add_adapter(
        name="one", path=folder, base_model="bundled", run_id=run.id, summary={"after": {"accuracy": 0.5}}
    )
    assert made.path == folder
    assert store.get_adapter(made.id) == made
    later = store.add_adapter(name=" ", path=folder, base_model="bundled")
    assert store.list_adapters() == [later, made]
    assert later.name == "adapter"


def test_a_figure_that_is_not_a_number_does_not_lose_the_adapter(store: Store, tmp_path: Path) -> None:
    made = store.add_adapter(
        name="n", path=tmp_path, base_model="b", summary={"kl": math.nan, "list": [math.inf, 1.5, "x"]}
    )
    assert store.get_adapter(made.id).summary == {"kl": None, "list": [None, 1.5, "x"]}


def test_adapters_inside_the_data_folder_move_with_it(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    inside = store.add_adapter(name="in", path=settings.adapters_dir / "one", base_model="bundled")
    outside = store.add_adapter(name="out", path=tmp_path / "elsewhere", base_model="bundled")
    settings.data_dir.mkdir(exist_ok=True)
    moved = replace(settings, data_dir=tmp_path / "moved")
    shutil.move(settings.data_dir, moved.data_dir)
    again = Store(moved)
    assert again.get_adapter(inside.id).path == moved.adapters_dir / "one"
    assert again.get_adapter(outside.id).path == tmp_path / "elsewhere"


def test_the_adapter_in_use_is_switched_and_switched_back(store: Store, tmp_path: Path) -> None:
    assert store.active_adapter() is None
    one, two = (store.add_adapter(name=n, path=tmp_path, base_model="b") for n in ("one", "two"))
    for wanted in (one, two, one):
        store.set_active_adapter(wanted.id)
        assert Store(store.settings).active_adapter() == wanted
    store.set_active_adapter(None)
    assert store.active_adapter() is None


def test_rolling_back_is_the_switch_before(store: Store, tmp_path: Path) -> None:
    assert store.previous_adapter() == (False, None)
    one, two = (store.add_adapter(name=n, path=tmp_path, base_model="b") for n in ("one", "two"))
    store.set_active_adapter(one.id)
    assert store.previous_adapter() == (True, None)
    store.set_active_adapter(two.id)
    store.set_active_adapter(two.id)
    assert store.previous_adapter() == (True, one)
    store.delete_adapter(one.id)
    assert store.previous_adapter() == (True, None)


def test_an_adapter_is_renamed_and_deleted_unless_something_uses_it(store: Store, settings: Settings) -> None:
    one, two = (
        store.add_adapter(name=n, path=settings.adapters_dir / n, base_model="b") for n in ("one", "two")
    )
    for adapter in (one, two):
        adapter.path.mkdir(parents=True)
    assert store.rename_adapter(one.id, " best ").name == "best"
    for name in ("", " ", "x" * 101):
        with pytest.raises(AdapterError, match="1 to 100"):
            store.rename_adapter(one.id, name)
    store.set_active_adapter(one.id)
    run = store.create_run(RunConfig(base_adapter_id=two.id))
    for adapter, why in ((one, "Ask uses"), (two, f"run {run.id}")):
        with pytest.raises(AdapterError, match=why):
            store.delete_adapter(adapter.id)
        assert adapter.path.exists()
    store.update_run(run.id, state="cancelled")
    store.delete_adapter(two.id)
    assert [it.id for it in store.list_adapters()] == [one.id]
    assert not two.path.exists()
    assert store.get_adapter(two.id).name == "two"
    for call in (lambda: store.delete_adapter(two.id), lambda: store.rename_adapter(two.id, "x")):
        with pytest.raises(NotFoundError):
            call()


def test_files_outside_the_adapters_folder_are_not_deleted(store: Store, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    store.delete_adapter(store.add_adapter(name="x", path=elsewhere, base_model="b").id)
    assert store.list_adapters() == []
    assert elsewhere.exists()


def test_switching_to_nothing_known_keeps_the_one_in_use(store: Store, tmp_path: Path) -> None:
    one = store.add_adapter(name="one", path=tmp_path, base_model="b")
    store.set_active_adapter(one.id)
    with pytest.raises(NotFoundError):
        store.set_active_adapter(99)
    assert store.active_adapter() == one
    with pytest.raises(NotFoundError):
        store.get_adapter(99)
    with pytest.raises(NotFoundError):
        store.add_adapter(name="x", path=tmp_path, base_model="b", run_id=99)
