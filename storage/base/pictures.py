"""Pictures and traces: files by content hash, each stored once."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from pathlib import Path

from PIL import Image
from sqlalchemy.exc import IntegrityError

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.errors import NotFoundError, StorageError
from storage.base.database import Database
from storage.base.file_errors import file_error, hashed_path, replacing
from storage.base.models import Picture
from storage.base.records import PictureRecord


class PictureStore(Database):
    """Pictures by their pixels, traces by their file."""

    def add_picture(self, image: Image.Image) -> PictureRecord:
        """Stores the picture, or finds it: the same pixels are one picture.

        Raises:
            ReadOnlyStoreError, StorageError: it cannot be written.
        """
        self.require_writable()
        image = image.convert("RGB")
        identity = pixel_hash(image)
        path = self._picture_path(identity)
        if not path.exists():
            with replacing(path) as temporary:
                image.save(temporary, format="PNG", compress_level=3)
        # It may be there, or another process may be storing it at this moment.
        with self.write() as session, contextlib.suppress(IntegrityError), session.begin_nested():
            session.add(Picture(id=identity, width=image.width, height=image.height))
        return PictureRecord(identity, image.width, image.height, path)

    def get_picture(self, picture_id: str) -> PictureRecord:
        """Raises NotFoundError."""
        with self.read() as session:
            row = session.get(Picture, picture_id)
            if row is None:
                raise not_found("picture", picture_id)
            return PictureRecord(row.id, row.width, row.height, self._picture_path(row.id))

    def load_picture(self, picture_id: str) -> Image.Image:
        """The picture, RGB.

        Raises:
            NotFoundError: no such picture, or its file is gone.
            StorageError: the file is not what was stored.
        """
        path = self.get_picture(picture_id).path
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

    def save_trace(self, trace: AttentionTrace) -> str:
        """Stores an attention trace and gives its id.

        Raises:
            ReadOnlyStoreError, StorageError: it cannot be written.
        """
        self.require_writable()
        folder = self.settings.traces_dir
        temporary = folder / f".{uuid.uuid4().hex}.npz"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            trace.save(temporary)
            identity = hashlib.sha256(temporary.read_bytes()).hexdigest()
            path = hashed_path(folder, identity, ".npz")
            path.parent.mkdir(exist_ok=True)
            temporary.replace(path)
        except (OSError, StorageError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if isinstance(cause, OSError):
                raise file_error(temporary, cause) from error
            raise
        finally:
            if temporary.exists():
                temporary.unlink()
        return identity

    def load_trace(self, trace_id: str) -> AttentionTrace:
        """Raises NotFoundError, or StorageError when the file is damaged."""
        path = self.trace_path(trace_id)
        if not path.exists():
            raise not_found("trace", trace_id)
        return AttentionTrace.load(path)

    def _picture_path(self, picture_id: str) -> Path:
        return hashed_path(self.settings.pictures_dir, picture_id, ".png")

    def trace_path(self, trace_id: str) -> Path:
        """Where that trace lies, whether or not it does. Raises NotFoundError for what is no id."""
        return hashed_path(self.settings.traces_dir, trace_id, ".npz")


def not_found(kind: str, identity: object) -> NotFoundError:
    return NotFoundError(
        expected=f"a stored {kind} of id {identity}",
        got="none",
        remedy="Reload the page and choose from the list.",
    )


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
