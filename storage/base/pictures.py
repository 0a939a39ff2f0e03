"""Pictures: files by content hash, each stored once."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from PIL import Image
from sqlalchemy.exc import IntegrityError

from sayo_app.core.files import whole_file
from sayo_app.errors import StorageError
from storage.base.database import Database, not_found
from storage.base.files import hashed_path
from storage.base.models import Picture
from storage.base.records import PictureRecord
from storage.base.shared_files import hold_files


class Pictures:
    """Pictures, told apart by their pixels: a row with the size and a PNG file each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, image: Image.Image) -> PictureRecord:
        """Stores the picture, or finds it: the same pixels are one picture.

        Raises:
            ReadOnlyStoreError, StorageError: it cannot be written.
        """
        self._database.require_writable()
        image = image.convert("RGB")
        identity = pixel_hash(image)
        path = self._path(identity)
        if not path.exists():
            _write(image, path)
        with self._database.write() as session:
            hold_files(session)
            # It may be there, or another process may be storing it at this moment.
            with contextlib.suppress(IntegrityError), session.begin_nested():
                session.add(Picture(id=identity, width=image.width, height=image.height))
            # A failing import may have taken back the file that was there a moment ago.
            if not path.exists():
                _write(image, path)
        return PictureRecord(identity, image.width, image.height, path)

    def get(self, picture_id: str) -> PictureRecord:
        """Raises NotFoundError."""
        with self._database.read() as session:
            row = session.get(Picture, picture_id)
            if row is None:
                raise not_found("picture", picture_id)
            return PictureRecord(row.id, row.width, row.height, self._path(row.id))

    def load(self, picture_id: str) -> Image.Image:
        """The picture, RGB.

        Raises:
            NotFoundError: no such picture, or its file is gone.
            StorageError: the file is not what was stored.
        """
        path = self.get(picture_id).path
        try:
            with Image.open(path) as file:
                image = file.convert("RGB")
        except FileNotFoundError as error:
            raise not_found("file of picture", picture_id) from error
        except (OSError, SyntaxError) as error:
            raise _damaged(path, str(error)) from error
        if pixel_hash(image) != picture_id:
            raise _damaged(path, "other pixels")
        return image

    def _path(self, picture_id: str) -> Path:
        return hashed_path(self._database.settings.pictures_dir, picture_id, ".png")


def _write(image: Image.Image, path: Path) -> None:
    with whole_file(path) as temporary:
        image.save(temporary, format="PNG", compress_level=3)


def pixel_hash(image: Image.Image) -> str:
    digest = hashlib.sha256(f"RGB {image.width}x{image.height}\n".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


def _damaged(path: Path, got: str) -> StorageError:
    return StorageError(
        expected=f"the stored picture in {path}",
        got=got,
        remedy="The file was changed or damaged from outside: restore it from a copy.",
    )
