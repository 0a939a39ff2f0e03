"""`python -m storage import | export | imports | undo-import`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from sayo_app.errors import SettingsError
from sayo_app.settings import Settings
from storage.base.records import CORRECTION_STATES
from storage.formats.catalogue import FORMATS
from storage.formats.common.grids import GridRule
from storage.formats.common.rows import DEFAULT_QUESTION, TODO, ReadOptions, WriteOptions
from storage.formats.exporter import export_file
from storage.formats.importer import import_file
from storage.store import Store


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("path", type=Path, help="the file, or a folder that an export wrote")
    parser.add_argument("--pictures", type=Path, help="folder that picture names are relative to")
    parser.add_argument("--scene-graphs", type=Path, help="GQA's second file")
    parser.add_argument(
        "--question", default=DEFAULT_QUESTION, help="asked where a format has no questions: %(default)r"
    )
    parser.add_argument("--author", default="", help="of corrections whose format names none")
    parser.add_argument(
        "--state",
        default="submitted",
        choices=(*CORRECTION_STATES, TODO),
        help="likewise; todo makes rows without regions questions to do",
    )
    _add_grid(parser)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", choices=[name for name, format in FORMATS.items() if format.write])
    parser.add_argument("path", type=Path, help="where nothing is yet; a name in .parquet makes one file")
    parser.add_argument(
        "--state", action="append", default=[], choices=CORRECTION_STATES, help="only these; may be repeated"
    )
    parser.add_argument(
        "--predictions", action="store_true", help="Label Studio: as predictions, to be corrected there"
    )
    _add_grid(parser)


def _add_undo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=int, help="the import's number")
    parser.add_argument("--author", default="", help="who takes it back")


def _add_grid(parser: argparse.ArgumentParser) -> None:
    grid = parser.add_argument_group("image-token ids (format sayo)")
    grid.add_argument(
        "--token-px", type=int, default=GridRule.token_px, help="28 in Qwen2.5-VL, 32 in Qwen3-VL"
    )
    grid.add_argument("--min-pixels", type=int, default=GridRule.min_pixels)
    grid.add_argument("--max-pixels", type=int, default=GridRule.max_pixels)
    grid.add_argument("--squash", metavar="WxH", help="448x448: all pictures of one size, as for InternVL")


def _grid(arguments: argparse.Namespace) -> GridRule:
    """Raises SettingsError."""
    squash_wh = None
    if arguments.squash is not None:
        width, cross, height = arguments.squash.partition("x")
        if not (cross and width.isdecimal() and height.isdecimal()):
            raise SettingsError(
                expected="--squash as width x height",
                got=repr(arguments.squash),
                remedy="Write 448x448, say.",
            )
        squash_wh = int(width), int(height)
    return GridRule(arguments.token_px, arguments.min_pixels, arguments.max_pixels, squash_wh)


def _store() -> Store:
    return Store(Settings.from_environment())


def _import(arguments: argparse.Namespace) -> int:
    with _store() as store:
        read = ReadOptions(
            settings=store.settings,
            pictures=arguments.pictures,
            scene_graphs=arguments.scene_graphs,
            question=arguments.question,
            grid=_grid(arguments),
        )
        chosen = (arguments.format, arguments.path, read, arguments.author, arguments.state)
        print("\n".join(import_file(store, *chosen).lines()))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    with _store() as store:
        write = WriteOptions(_grid(arguments), arguments.predictions)
        report = export_file(store, arguments.format, arguments.path, write, arguments.state)
        print("\n".join(report.lines()))
    return 0


def _imports(arguments: argparse.Namespace) -> int:
    with _store() as store:
        for record in store.imports.all():
            counts = [record.summary.get(name, 0) for name in ("corrections", "questions")]
            print(
                f"{record.id}: {record.format} {record.source!r}, {record.created_at:%Y-%m-%d %H:%M} UTC, "
                f"{counts[0]} corrections, {counts[1]} questions{', undone' if record.undone_at else ''}"
            )
    return 0


def _undo(arguments: argparse.Namespace) -> int:
    with _store() as store:
        store.imports.undo(arguments.id, arguments.author)
        print(f"Import {arguments.id} undone: its corrections are marked deleted, with their history")
    return 0


# Name: what it is for, its arguments, what it does.
COMMANDS: dict[
    str,
    tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]],
] = {
    "import": ("take corrections from a file: every row that can be used, or nothing", _add_import, _import),
    "export": ("write corrections to a new file or folder", _add_export, _export),
    "imports": ("list the imports", lambda parser: None, _imports),
    "undo-import": ("take an import back", _add_undo, _undo),
}
