"""What all tabs share: the settings, the store and the model, which is loaded in the background."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from sayo_app.core.disk import has_room, require_room
from sayo_app.core.held import Held, hold_file, hold_image
from sayo_app.core.ledger import Stored
from sayo_app.core.picture import picture_file
from sayo_app.core.question import check_question
from sayo_app.core.shelf import Shelf
from sayo_app.errors import AdapterError, NotFoundError, PictureError, SayoError, StorageError
from sayo_app.settings import Settings
from sayo_app.ui.shared.visitors import visitor
from sayo_app.ui.shared.words import without_paths
from storage.base.records import AdapterRecord
from storage.store import Store

if TYPE_CHECKING:
    from sayo_app.core.attention.trace import AttentionTrace
    from sayo_app.mllm.answering.chat import Chunk
    from sayo_app.mllm.models.loading import LoadedModel

log = logging.getLogger(__name__)


class Studio:
    """The wired app, without any page: the tabs call it."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.shelf = Shelf(settings.max_held_bytes)
        self.stored = Stored(
            settings.max_stored_bytes_each,
            settings.max_stored_bytes,
            (settings.pictures_dir, settings.traces_dir),
        )
        # Pixels of a large picture take 160 MB: those that people send are decoded one after the other.
        self.decoding = threading.Lock()
        self._model: Future[LoadedModel] = Future()
        self._lock = threading.Lock()

    def load_in_background(self) -> None:
        """Import torch and load the model while the page is already served."""
        threading.Thread(target=self._load, name="load-model", daemon=True).start()

    def _load(self) -> None:
        started = time.perf_counter()
        try:
            from sayo_app.mllm.models.loading import load_model

            self._model.set_result(load_model(self.settings))
            log.info("model %s ready after %.1f s", self.settings.model, time.perf_counter() - started)
        except SayoError as error:
            log.error("%s", error)
            self._model.set_exception(error)
        except BaseException as error:
            log.exception("loading the model failed")
            self._model.set_exception(error)

    @property
    def model_state(self) -> tuple[str, str]:
        """("loading" | "ready" | "failed", a sentence)."""
        if not self._model.done():
            return "loading", "The model is being loaded."
        error = self._model.exception()
        return ("ready", "The model is ready.") if error is None else ("failed", without_paths(str(error)))

    def loaded(self) -> LoadedModel:
        """The model, waiting for it if need be. Raises what loading it raised."""
        return self._model.result()

    def check_question(self, question: str | None) -> str:
        """The question without outer blanks.

        Raises:
            QuestionError: empty or overlong.
        """
        return check_question(question, self.settings.max_question_chars)

    def hold(self, image: Image.Image) -> Held:
        """A picture that came in no file, for a session to keep."""
        return hold_image(self.shelf, image, visitor())

    def hold_upload(self, path: Path) -> tuple[Held, Image.Image]:
        """(a file that somebody sent, for a session to keep, its pixels for whoever needs them at once).

        Raises:
            PictureError: not a picture, or one over a limit.
        """
        most = {"max_bytes": self.settings.max_file_bytes, "max_pixels": self.settings.max_picture_pixels}
        file = picture_file(path, most["max_bytes"])
        return hold_file(self.shelf, file, owner=visitor(), **most)

    def hold_stored(self, picture_id: str) -> Held:
        """A picture of the store, which keeps it.

        Raises:
            NotFoundError: no such picture.
        """
        record = self.store.pictures.get(picture_id)
        return Held((record.width, record.height), lambda: self.store.pictures.load(picture_id), picture_id)

    def keep_trace(self, trace: AttentionTrace) -> str | None:
        """The store's name for it; None where there is room, or a share of it, for the correction alone."""
        if self.stored.full(visitor()) or not has_room(self.settings, "a trace"):
            return None
        trace_id = self.store.traces.save(trace)
        self.stored.charge(visitor(), self.store.traces.path(trace_id).stat().st_size)
        return trace_id

    def keep_picture(self, held: Held) -> str:
        """The store's name for it, stored for something that is no correction yet.

        Raises:
            StorageError: there is no room but for corrections, or this visitor has stored much today.
        """
        with contextlib.suppress(NotFoundError):
            record = self.store.pictures.get(held.picture_id)
            if record.path.exists():
                return record.id
        require_room(self.settings, "the picture of a draft")
        if full := self.stored.full(visitor()):
            raise StorageError(
                expected=full, got="more", remedy="Save what is drawn as a correction, or go on tomorrow."
            )
        record = self.store.pictures.add(held.image())
        self.stored.charge(visitor(), record.path.stat().st_size)
        return record.id

    def adapters(self) -> list[AdapterRecord]:
        """Adapters made for the model in use, oldest first."""
        return [it for it in self.store.adapters.all() if it.base_model == self.settings.model]

    def adapter(self, adapter_id: int | None) -> AdapterRecord | None:
        """The adapter of that id, None for the base model.

        Raises:
            AdapterError: unknown, or made for another model.
        """
        if adapter_id is None:
            return None
        for record in self.adapters():
            if record.id == adapter_id:
                return record
        raise AdapterError(
            expected=f"an adapter made for {self.settings.model}",
            got=f"adapter {adapter_id}",
            remedy="Choose another one in the Compare tab.",
        )

    def answer(
        self,
        pictures: Sequence[Held | Image.Image],
        question: str,
        adapter_id: int | None,
        on_stop: Callable[[], bool] | None = None,
        **steering: Any,
    ) -> Iterator[Chunk]:
        """Stream the answer of the base model (None) or of an adapter; see `mllm.chat.answer`.

        Args:
            steering: `steering` and `region_masks` of `mllm.chat.answer`: as if it had looked there.

        Raises:
            PictureError, QuestionError: nothing to ask about, or nothing asked.
            ModelError: the model or the adapter cannot be loaded, or cannot read the picture.
        """
        if not pictures:
            raise no_picture()
        text = self.check_question(question)
        loaded = self.loaded()
        own = [it.image() if isinstance(it, Held) else it for it in pictures]
        name = self.loaded_adapter(loaded, self.adapter(adapter_id))
        from sayo_app.mllm.answering.chat import answer

        limit = self.settings.answer_tokens
        yield from answer(loaded, own, text, max_new_tokens=limit, on_stop=on_stop, adapter=name, **steering)

    def switch(self, adapter_id: int | None) -> None:
        """Make Ask use that adapter from now on; the choice outlives the app.

        Raises:
            AdapterError: its folder is missing or damaged; nothing has changed then.
        """
        # The model first: two threads that import transformers at once break it.
        loaded = self.loaded()
        from sayo_app.mllm.models import adapters

        adapters.switch(loaded, self.loaded_adapter(loaded, self.adapter(adapter_id)))
        self.store.adapters.set_active(adapter_id)

    def import_adapter(self, paths: Sequence[Path], name: str) -> AdapterRecord:
        """Take an adapter from elsewhere into the registry, if it fits the model.

        Raises:
            AdapterError: not one, or one that does not fit. Nothing has changed then.
        StorageError: there is no room for it.
        """
        from sayo_app.mllm.models.adapter_files import unpack_adapter

        require_room(self.settings, "an adapter", sum(path.stat().st_size for path in paths))
        loaded = self.loaded()
        folder = self.settings.adapters_dir / f"import-{uuid.uuid4().hex}"
        unpack_adapter(paths, folder, self.settings.model, self.settings)
        record = self.store.adapters.add(name=name, path=folder, base_model=self.settings.model)
        try:
            # Loading it is the check of its shapes.
            self.loaded_adapter(loaded, record)
        except SayoError:
            self.store.adapters.delete(record.id)
            raise
        return record

    def active_id(self) -> int | None:
        """The adapter that Ask uses; None for the base model or one of another model."""
        record = self.store.adapters.active()
        return record.id if record is not None and record.base_model == self.settings.model else None

    def loaded_adapter(self, loaded: LoadedModel, record: AdapterRecord | None) -> str | None:
        """The name under which the model has that adapter, loading it at first use."""
        from sayo_app.mllm.models import adapters

        if record is None:
            return None
        name = f"adapter-{record.id}"
        with self._lock:
            if name not in adapters.names(loaded):
                adapters.load_adapter(loaded, record.path, name)
        return name


def no_picture() -> PictureError:
    """What to say to a question about nothing."""
    return PictureError(
        expected="a picture", got="none", remedy="Upload one, pick an example or have a scene drawn."
    )
