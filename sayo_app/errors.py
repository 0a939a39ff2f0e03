"""One exception tree. Every message says what was expected, what came and what to do."""

from __future__ import annotations


class SayoError(Exception):
    """Base of every error that SAYO Studio raises on purpose.

    Args:
        expected: what would have been right ("a picture of at most 40 megapixels").
        got: what came instead ("150 megapixels").
        remedy: what the person can do now ("Make it smaller and upload it again.").
    """

    def __init__(self, *, expected: str, got: str, remedy: str) -> None:
        self.expected, self.got, self.remedy = expected, got, remedy
        super().__init__(f"Expected {expected}, got {got}. {remedy}")

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments: without this an error cannot cross a process boundary.
        return (_rebuild, (type(self), self.expected, self.got, self.remedy))


def _rebuild(kind: type[SayoError], expected: str, got: str, remedy: str) -> SayoError:
    return kind(expected=expected, got=got, remedy=remedy)


class SettingsError(SayoError):
    """A flag or an environment variable that cannot be used."""


class AccessError(SayoError):
    """Somebody may not do what they asked for, or has to sign in first."""


class AccountError(SayoError):
    """An account that cannot be made, changed or believed."""


class InputError(SayoError):
    """Something a person gave cannot be used."""


class PictureError(InputError):
    """Not a picture, cut short, or too large to decode."""


class QuestionError(InputError):
    """An empty or an overlong question."""


class TraceFileError(InputError):
    """Not an exported trace, a damaged one, or one over a limit."""


class RegionError(InputError):
    """A region outside the picture or without area."""


class CorrectionError(InputError):
    """A correction that lacks something it needs."""


class ImportFileError(InputError):
    """A file that cannot be imported; nothing of it was stored."""


class ImportRowError(InputError):
    """A row of a file that cannot be used; the other rows can."""


class ExportFileError(InputError):
    """A file that cannot be written where it was asked for."""


class ModelError(SayoError):
    """The model cannot do what was asked."""


class ModelLoadError(ModelError):
    """An unknown, damaged or unreachable model."""


class CaptureError(ModelError):
    """Attention rows cannot be read from this model."""


class AdapterError(ModelError):
    """A missing, damaged or unfitting adapter."""


class StorageError(SayoError):
    """The store cannot be read or written."""


class ReadOnlyStoreError(StorageError):
    """The store can be read but not written."""


class StoreVersionError(StorageError):
    """The store was written by a newer version of SAYO Studio."""


class NotFoundError(StorageError):
    """No row or file of that name."""


class ConflictError(StorageError):
    """Somebody else, or another tab, changed it in the meantime; the message says who and when."""


class JobError(SayoError):
    """A training job cannot be started, watched or cancelled."""


class RunActiveError(JobError):
    """A second retrain while one is running."""


class LostRunError(JobError):
    """A run that its own process may say nothing more about: it has ended, or is another process's by now."""


class TooFewCorrectionsError(JobError):
    """Not enough corrections to train on and to hold out."""


class TrainingError(SayoError):
    """Training cannot go on."""
