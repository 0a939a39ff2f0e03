"""One frozen Settings: every option of the app, from flags or `SAYO_*` environment variables."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from sayo_app.options import Options, option

REPOSITORY_DIR = Path(__file__).resolve().parent.parent
ASSETS_DIR = REPOSITORY_DIR / "assets"
BUNDLED = "bundled"
# Those that `python app.py` has flags for; all have a variable.
_flag = partial(option, place="flag")


class Settings(Options):
    """What the app and the training job are told from outside."""

    subject: ClassVar[str] = "{name} (SAYO_{NAME})"
    remedy: ClassVar[str] = "Set it to that, or leave it out for the default."

    model: str = _flag(BUNDLED, "Model", "bundled, a local folder, or a Hugging Face model id")
    device: str = _flag("auto", "Device", "auto, cpu, cuda, cuda:1 or mps")
    data_dir: Path = _flag(
        REPOSITORY_DIR / "data",
        "Data folder",
        "the only folder that is written to: database, pictures, traces, adapters, runs",
    )
    import_dir: Path | None = _flag(
        None, "Import folder", "a folder that the page may import from; without it, uploads only"
    )
    host: str = _flag("127.0.0.1", "Host", "address to serve on; 0.0.0.0 for all")
    port: int = _flag(7860, "Port", "port to serve on; 0 takes a free one", ge=0, le=65535)
    max_new_tokens: int = _flag(
        0,
        "Longest answer",
        "longest answer, in tokens; 0: as the model needs (bundled 110, others 1024)",
        unit="tokens",
        ge=0,
        le=32_768,
    )
    trust_remote_code: bool = _flag(
        False, "Trust remote code", "run code that comes with a model; only the operator turns it on"
    )
    sign_in: Literal["none", "local", "oidc", "huggingface", "header"] = _flag(
        "none",
        "Sign-in",
        "none, local accounts (python -m storage users), an OpenID Connect provider (oidc), on a Space "
        "huggingface, or a trusted proxy's header",
    )
    sign_in_header: str = option(
        "X-Forwarded-User", "Header", "in which a trusted proxy says who somebody is"
    )
    oidc_issuer: str | None = option(None, "Provider", "address of an OpenID Connect provider, its issuer")
    oidc_client_id: str | None = option(None, "Client", "what this server is called at the provider")
    oidc_client_secret: str | None = option(None, "Client secret", "what it shows to the provider")
    guest_role: Literal["auto", "none", "visitor", "annotator", "reviewer", "trainer", "owner"] = _flag(
        "auto",
        "Guests",
        "role of whoever has not signed in; auto: owner where nobody can sign in, none where people do",
    )
    first_role: Literal["visitor", "annotator", "reviewer", "trainer", "owner"] = option(
        "visitor", "First role", "of somebody who signs in for the first time"
    )
    owners: str = option(
        "",
        "Owners",
        "who become owners as they sign in, separated by commas: names, or verified e-mail addresses; on a "
        "Space its author is one",
    )
    public_demo: bool = _flag(
        False,
        "Public demo",
        "visitors, who need not sign in, ask and try corrections; nothing that they do is kept",
    )
    session_hours: int = option(168, "Signed in for", unit="hours", ge=1, le=8760)
    session_secret: str | None = option(
        None, "Session secret", "signs cookies; without it, one is made and kept in the data folder"
    )
    public_url: str | None = option(
        None,
        "Public address",
        "of the page, where a proxy stands before it, such as https://sayo.example.org/",
    )
    allowed_hosts: str = option(
        "",
        "Hosts",
        "names that the server answers to, separated by commas; without them its own, that of the public "
        "address and this machine's, or any where it listens on all addresses",
    )
    trusted_proxies: str = option(
        "",
        "Trusted proxies",
        "addresses or networks whose headers are believed (X-Forwarded, who signed in), with commas between",
    )
    metrics: bool = option(False, "Figures for Prometheus", "at /metrics, for whoever reaches the server")
    log_format: Literal["text", "json"] = option(
        "text", "Log", "text: lines to read; json: an object a line, with who it was done for"
    )
    database_url: str | None = option(
        None, "Database", "SQLAlchemy URL; without it, SQLite in the data folder"
    )
    max_file_bytes: int = option(
        20_000_000, "Largest picture", "of an upload, before it is decoded", unit="bytes", ge=0
    )
    max_trace_bytes: int = option(
        300_000_000, "Largest saved answer", "that is opened, packed and unpacked", unit="bytes", ge=0
    )
    # LoRA of rank 16 on all linear layers of an 8B model has about 170 MB.
    max_adapter_bytes: int = option(
        2_000_000_000, "Largest adapter", "that comes from elsewhere, unpacked", unit="bytes", ge=0
    )
    max_adapter_rank: int = option(1_024, "Highest rank", "of an adapter from elsewhere", ge=1)
    max_adapter_alpha: int = option(16_384, "Highest alpha", "of an adapter from elsewhere", ge=1)
    max_picture_pixels: int = option(
        40_000_000, "Largest picture, decoded", "width x height", unit="pixels", ge=0
    )
    max_question_chars: int = option(2_000, "Longest question", unit="characters", ge=0)
    max_regions: int = option(1_000, "Most regions", "of a correction or a draft", ge=1, le=10_000)
    # Beyond this a browser cannot draw the outline smoothly, and no hand drew it.
    max_polygon_points: int = option(5_000, "Most corners", "of a polygon", ge=3, le=100_000)
    max_points: int = option(50_000, "Most corners in all", "of a correction's polygons", ge=3, le=1_000_000)
    max_label_chars: int = option(200, "Longest label", "of a region", unit="characters", ge=1)
    max_text_chars: int = option(
        50_000, "Longest text", "an answer, a comment, what else a row says", unit="characters", ge=1
    )
    max_request_bytes: int = option(
        16_000_000, "Largest request", "that is no upload: regions, texts", unit="bytes", ge=1
    )
    max_upload_bytes: int = option(
        10_000_000_000,
        "Uploads in all",
        "that lie there; exports may have as much again; the oldest are removed",
        unit="bytes",
        ge=0,
    )
    max_upload_bytes_each: int = option(
        5_000_000_000, "Uploads of a visitor", "in a day: of an account, or an address", unit="bytes", ge=0
    )
    max_stored_bytes_each: int = option(
        2_000_000_000,
        "Stored for a visitor",
        "in a day: pictures of drafts, and traces; corrections are saved beyond it, without their traces",
        unit="bytes",
        ge=0,
    )
    max_stored_bytes: int = option(
        50_000_000_000,
        "Pictures and traces in all",
        "beyond it only corrections are saved, without their traces",
        unit="bytes",
        ge=0,
    )
    upload_hours: int = option(24, "Uploads are kept", unit="hours", ge=1)
    low_disk_bytes: int = option(
        2_000_000_000, "Low disk", "with less free it is said to owners and in the log", unit="bytes", ge=0
    )
    reserved_disk_bytes: int = option(
        300_000_000,
        "Reserved for corrections",
        "with less free, uploads, imports, exports, runs and their checkpoints are refused",
        unit="bytes",
        ge=0,
    )
    max_held_bytes: int = option(
        500_000_000,
        "Kept for open pages",
        "of all of them: pictures as files, answers with their maps; the oldest are let go of",
        unit="bytes",
        ge=0,
    )
    max_sessions: int = option(
        300, "Open pages", "whose state is kept; of too many, whoever has most loses their oldest", ge=1
    )
    closed_page_minutes: int = option(
        30,
        "Closed pages",
        "how long what they were shown is kept, should they come back",
        unit="minutes",
        ge=0,
    )
    idle_page_hours: int = option(
        24, "Idle pages", "the same of an open page that asks nothing", unit="hours", ge=1
    )
    max_wait_seconds: int = option(
        300,
        "Longest wait",
        "in a queue of the page: whoever would wait longer is told to come back",
        unit="seconds",
        ge=1,
    )
    max_waiting_each: int = option(10, "Waiting", "of one visitor, in each queue of the page", ge=1)
    max_running_each: int = option(4, "Running", "of one visitor, in all queues of the page", ge=1)
    max_requests_each: int = option(
        60,
        "Requests",
        "of one visitor: an account, or an address where nobody has signed in",
        unit="a second",
        ge=1,
    )
    people_an_address: int = option(
        50, "People at an address", "who may share it: as so many visitors it counts at most", ge=1
    )
    max_runs: int = option(50, "Runs in the queue", "that wait or go on, of all people", ge=1)
    max_runs_each: int = option(10, "Runs of a person", "that wait or go on, of one account", ge=1)
    max_import_bytes: int = option(
        500_000_000, "Largest import", "the file, pictures beside it not counted", unit="bytes", ge=0
    )
    max_import_rows: int = option(200_000, "Longest import", unit="rows", ge=0)

    @classmethod
    def from_environment(cls, **overrides: Any) -> Self:
        """Defaults, then `SAYO_<NAME>` variables, then the overrides that are not None.

        Raises:
            SettingsError: a value that cannot be read as its type, or out of its bounds.
        """
        values: dict[str, Any] = {}
        # Where Gradio itself is told the address, as on Hugging Face Spaces, that is the default.
        if "GRADIO_SERVER_NAME" in os.environ:
            values["host"] = os.environ["GRADIO_SERVER_NAME"]
        named = {name: os.environ.get(f"SAYO_{name.upper()}") for name in cls.model_fields}
        for layer in (named, overrides):
            values |= {name: value for name, value in layer.items() if value is not None}
        for name in ("data_dir", "import_dir"):
            if name in values:
                values[name] = Path(values[name]).expanduser().resolve()
        return cls(**values)

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the store."""
        return self.database_url or f"sqlite:///{self.data_dir / 'studio.db'}"

    @property
    def answer_tokens(self) -> int:
        """The longest answer of the model in use: `max_new_tokens`, or what such a model needs."""
        return self.max_new_tokens or (110 if self.model == BUNDLED else 1_024)

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


# Of all that nobody has said anything about.
DEFAULTS = Settings()
