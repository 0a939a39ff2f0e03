"""`python -m storage import | export | imports | undo-import`."""

from __future__ import annotations

import argparse
from pathlib import Path

from sayo_app.errors import SettingsError
from sayo_app.settings import Settings
from storage.formats.batches import list_imports
from storage.formats.catalogue import FORMATS
from storage.formats.exporter import export_file
from storage.formats.grids import GridRule
from storage.formats.importer import import_file, undo_import
from storage.formats.rows import DEFAULT_QUESTION, ReadOptions, WriteOptions
from storage.records import CORRECTION_STATES
from storage.store import Store


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the subcommands; each sets `run`, which takes the options and gives lines to print."""
    read = commands.add_parser("import", help="take corrections from a file, all that can be used or nothing")
    read.add_argument("format", choices=FORMATS)
    read.add_argument("path", type=Path, help="the file, or a folder that an export wrote")
    read.add_argument("--pictures", type=Path, help="folder that picture names are relative to")
    read.add_argument("--scene-graphs", type=Path, help="GQA's second file")
    read.add_argument(
        "--question", default=DEFAULT_QUESTION, help="asked where a format has no questions: %(default)r"
    )
    read.add_argument("--author", default="", help="of corrections whose format names none")
    read.add_argument("--state", default="submitted", choices=CORRECTION_STATES, help="likewise")
    _common(read)
    read.set_defaults(run=_import)

    write = commands.add_parser("export", help="write corrections to a new file or folder")
    write.add_argument("format", choices=[name for name, format in FORMATS.items() if format.write])
    write.add_argument("path", type=Path, help="where nothing is yet; a name in .parquet makes one file")
    write.add_argument(
        "--state", action="append", default=[], choices=CORRECTION_STATES, help="only these; may be repeated"
    )
    write.add_argument(
        "--predictions", action="store_true", help="Label Studio: as predictions, to be corrected there"
    )
    _common(write)
    write.set_defaults(run=_export)

    listed = commands.add_parser("imports", help="list the imports")
    listed.add_argument("--data-dir", type=Path)
    listed.set_defaults(run=_imports)
    undo = commands.add_parser("undo-import", help="mark everything that an import brought as deleted")
    undo.add_argument("id", type=int)
    undo.add_argument("--author", default="")
    undo.add_argument("--data-dir", type=Path)
    undo.set_defaults(run=_undo)


def _common(parser: argparse.ArgumentParser) -> None:
    grid = parser.add_argument_group("image-token ids (format sayo)")
    grid.add_argument(
        "--token-px", type=int, default=GridRule.token_px, help="28 in Qwen2.5-VL, 32 in Qwen3-VL"
    )
    grid.add_argument("--min-pixels", type=int, default=GridRule.min_pixels)
    grid.add_argument("--max-pixels", type=int, default=GridRule.max_pixels)
    grid.add_argument("--squash", metavar="WxH", help="448x448: all pictures of one size, as for InternVL")
    parser.add_argument("--data-dir", type=Path, help="the store's folder (default: SAYO_DATA_DIR or data/)")


def _grid(options: argparse.Namespace) -> GridRule:
    """Raises SettingsError."""
    squash_wh = None
    if options.squash is not None:
        width, cross, height = options.squash.partition("x")
        if not (cross and width.isdecimal() and height.isdecimal()):
            raise SettingsError(
                expected="--squash as width x height", got=repr(options.squash), remedy="Write 448x448, say."
            )
        squash_wh = int(width), int(height)
    return GridRule(options.token_px, options.min_pixels, options.max_pixels, squash_wh)


def _store(options: argparse.Namespace) -> Store:
    return Store(Settings.from_environment(data_dir=options.data_dir))


def _import(options: argparse.Namespace) -> list[str]:
    with _store(options) as store:
        read = ReadOptions(
            settings=store.settings,
            pictures=options.pictures,
            scene_graphs=options.scene_graphs,
            question=options.question,
            grid=_grid(options),
        )
        return import_file(store, options.format, options.path, read, options.author, options.state).lines()


def _export(options: argparse.Namespace) -> list[str]:
    with _store(options) as store:
        write = WriteOptions(_grid(options), options.predictions)
        return export_file(store, options.format, options.path, write, options.state).lines()


def _imports(options: argparse.Namespace) -> list[str]:
    with _store(options) as store:
        return [
            f"{record.id}: {record.format} {record.source!r}, {record.created_at:%Y-%m-%d %H:%M} UTC, "
            f"{record.summary.get('corrections', 0)} corrections{', undone' if record.undone_at else ''}"
            for record in list_imports(store)
        ]


def _undo(options: argparse.Namespace) -> list[str]:
    with _store(options) as store:
        count = undo_import(store, options.id, options.author)
        return [f"Import {options.id} undone: {count} corrections marked deleted"]
