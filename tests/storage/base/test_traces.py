from __future__ import annotations

import os

import numpy as np
import pytest

from sayo_app.errors import NotFoundError, StorageError
from sayo_app.settings import Settings
from storage.store import Store
from tests.storage.examples import files_in, small_trace


def test_a_trace_comes_back_and_is_stored_once(store: Store, settings: Settings) -> None:
    identity = store.traces.save(small_trace())
    assert store.traces.save(small_trace()) == identity
    assert [path.stem for path in files_in(settings.traces_dir)] == [identity]
    loaded = store.traces.load(identity)
    assert loaded.tokens == ("a", "b", "<|im_end|>")
    assert np.array_equal(loaded.attention, small_trace().attention)  # 1/8 is exact in float16


@pytest.mark.parametrize("identity", ["f" * 64, "../../etc/passwd", "", "F" * 64])
def test_an_unknown_id_finds_nothing_and_leads_nowhere(store: Store, identity: str) -> None:
    with pytest.raises(NotFoundError):
        store.traces.load(identity)


def test_a_damaged_trace_is_told_and_is_whole_when_it_is_stored_again(store: Store) -> None:
    identity = store.traces.save(small_trace())
    store.traces.path(identity).write_bytes(b"cut")
    with pytest.raises(StorageError, match="damaged"):
        store.traces.load(identity)
    assert store.traces.save(small_trace()) == identity
    assert store.traces.load(identity).text == "ab"


def test_a_trace_that_is_stored_again_is_new_to_whoever_tidies_up(store: Store) -> None:
    path = store.traces.path(store.traces.save(small_trace()))
    os.utime(path, (0, 0))
    store.traces.save(small_trace())
    assert path.stat().st_mtime > 0
