"""One frozen Settings: every option of the app, from flags or `SAYO_*` environment variables."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sayo_app.errors import SettingsError

REPOSITORY_DIR = Path(__file__).resolve().parent.parent
ASSETS_DIR = REPOSITORY_DIR / "assets"
BUNDLED = "bundled"


@dataclass(frozen=True)
class Settings:
    """What the app and the training job are told from outside.

    Attributes:
        data_dir: the only folder that is written to: database, pictures, traces, adapters, runs.
        model: `bundled`, a local folder, or a Hugging Face model id.
        database_url: SQLAlchemy URL; None means SQLite in `data_dir`.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        host, port: where the page is served; port 0 takes a free one.
        max_file_bytes: largest picture that is uploaded.
        max_trace_bytes: largest saved answer that is opened, packed and unpacked.
        max_adapter_bytes: largest adapter that comes from elsewhere, unpacked; LoRA of rank 16 on all linear
            layers of an 8B model has about 170 MB.
        max_picture_pixels: largest width x height that is decoded.
        max_question_chars: longest question.
        max_import_bytes: largest file that is imported, pictures beside it not counted.
        max_import_rows: most rows in it.
        import_dir: folder on this machine that the page may import from; None allows uploads only.
        max_new_tokens: longest answer, in tokens.
        trust_remote_code: run code that comes with a model; only the operator turns it on.
    """

    data_dir: Path = REPOSITORY_DIR / "data"
    model: str = BUNDLED
    database_url: str | None = None
    device: str = "auto"
    host: str = "127.0.0.1"
    port: int = 7860
    max_file_bytes: int = 20_000_000
    max_trace_bytes: int = 300_000_000
    max_adapter_bytes: int = 2_000_000_000
    max_picture_pixels: int = 40_000_000
    max_question_chars: int = 2_000
    max_import_bytes: int = 500_000_000
    max_import_rows: int = 200_000
    import_dir: Path | None = None
    max_new_tokens: int = 110
    trust_remote_code: bool = False

    @classmethod
    def from_environment(cls, **overrides: Any) -> Settings:
        """Defaults, then `SAYO_<NAME>` variables, then the overrides that are not None.

        Raises:
            SettingsError: a value that cannot be read as its type.
        """
        values: dict[str, Any] = {}
        # Where Gradio itself is told the address, as on Hugging Face Spaces, that is the default.
        if "GRADIO_SERVER_NAME" in os.environ:
            values["host"] = os.environ["GRADIO_SERVER_NAME"]
        for field in fields(cls):
            text = os.environ.get(f"SAYO_{field.name.upper()}")
            if text is not None:
                values[field.name] = _parse(field.name, text, str(field.type))
        values |= {name: value for name, value in overrides.items() if value is not None}
        for name in ("data_dir", "import_dir"):
            if name in values:
                values[name] = Path(values[name]).expanduser().resolve()
        return cls(**values)

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the store."""
        return self.database_url or f"sqlite:///{self.data_dir / 'studio.db'}"

    @property
    def pictures_dir(self) -> Path:
        return self.data_dir / "pictures"

    @property
    def traces_dir(self) -> Path:
        return self.data_dir / "traces"

    @property
    def adapters_dir(self) -> Path:
        return self.data_dir / "adapters"

    @property
    def runs_dir(self) -> Path:
        return self.data_dir / "runs"


def _parse(name: str, text: str, kind: str) -> Any:
    try:
        if kind == "bool":
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[
                text.lower()
            ]
        return int(text) if kind == "int" else text
    except (KeyError, ValueError) as error:
        raise SettingsError(
            expected=f"SAYO_{name.upper()} to be of type {kind}",
            got=repr(text),
            remedy=f"Set it to a value of type {kind} or leave it unset.",
        ) from error
