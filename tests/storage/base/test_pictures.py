from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sayo_app.errors import NotFoundError, ReadOnlyStoreError, StorageError
from sayo_app.settings import Settings
from storage.store import Store
from tests.storage.examples import files_in, noise, small_trace


def test_a_picture_comes_back_pixel_for_pixel(store: Store) -> None:
    record = store.pictures.add(noise())
    assert (record.width, record.height) == record.image_wh == (17, 9)
    assert np.array_equal(np.asarray(store.pictures.load(record.id)), np.asarray(noise()))
    assert store.pictures.get(record.id) == record


def test_the_same_pixels_are_stored_once(store: Store, settings: Settings) -> None:
    first, again, other = (store.pictures.add(noise(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first.id != other.id
    assert files_in(settings.pictures_dir) == sorted([first.path, other.path])


def test_shape_is_part_of_the_content(store: Store) -> None:
    wide, tall = Image.new("RGB", (4, 2)), Image.new("RGB", (2, 4))
    assert store.pictures.add(wide).id != store.pictures.add(tall).id


@pytest.mark.parametrize("identity", ["f" * 64, "../../etc/passwd", "", "F" * 64])
def test_an_unknown_id_finds_nothing_and_leads_nowhere(store: Store, identity: str) -> None:
    for look in (store.pictures.load, store.pictures.get):
        with pytest.raises(NotFoundError):
            look(identity)


@pytest.mark.parametrize("damage", ["cut", "other pixels", "no picture"])
def test_a_damaged_picture_is_told_not_shown(store: Store, damage: str) -> None:
    path = store.pictures.add(noise()).path
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "other pixels":
        noise(1).save(path)
    else:
        path.write_bytes(b"no picture")
    with pytest.raises(StorageError, match="damaged"):
        store.pictures.load(path.stem)


def test_a_picture_whose_file_is_gone_is_not_found_and_can_be_added_again(store: Store) -> None:
    record = store.pictures.add(noise())
    record.path.unlink()
    with pytest.raises(NotFoundError):
        store.pictures.load(record.id)
    assert store.pictures.add(noise()) == record
    assert store.pictures.load(record.id).size == (17, 9)


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EROFS, ReadOnlyStoreError), (errno.ENOSPC, StorageError)]
)
def test_a_disk_that_refuses_is_told_and_leaves_nothing(
    store: Store,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[StorageError],
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(Path, "replace", refuse)
    for save in (lambda: store.pictures.add(noise()), lambda: store.traces.save(small_trace())):
        with pytest.raises(kind) as caught:
            save()
        assert type(caught.value) is kind
    assert files_in(settings.pictures_dir) + files_in(settings.traces_dir) == []
