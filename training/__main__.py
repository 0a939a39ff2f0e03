"""python -m training train | evaluate | study | shortcut | bench | options | pretrain

Heavy imports wait until the command is known: a signal that comes while they load must find its handler.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
from pathlib import Path
from typing import Any

from sayo_app.core.files import write_text
from sayo_app.errors import SayoError, SettingsError
from sayo_app.settings import BUNDLED, Settings
from training.state.progress_log import Cancelled, StopSignal

# What a shell reports of a process that SIGTERM ended.
EXIT_CANCELLED = 143


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; the return value is the exit status."""
    parser = _parser(wanted=sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        return int(options.run(options) or 0)
    except Cancelled:
        logging.getLogger(__name__).info("Cancelled")
        return EXIT_CANCELLED
    except SayoError as error:
        # The message says all there is to say; a traceback would bury it.
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser(wanted: list[str]) -> argparse.ArgumentParser:
    """Args: wanted: what is to be parsed; what no part of that needs is not imported."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    names = "train | evaluate | study | shortcut | bench | options | pretrain"
    commands = parser.add_subparsers(required=True, metavar=names)

    _add_train(commands, listed=wanted[:1] == ["train"] and bool({"-h", "--help"} & set(wanted)))

    evaluate = commands.add_parser("evaluate", help="accuracy and looks on held-out composed scenes")
    evaluate.add_argument("--model", default=BUNDLED, help="bundled, a local folder or a Hugging Face id")
    evaluate.add_argument("--device", help="auto, cpu, cuda, cuda:1, mps")
    evaluate.add_argument("--scenes", type=int, default=1000)
    evaluate.add_argument("--seed", type=int, default=0, help="which held-out scenes")
    evaluate.add_argument("--batch-size", type=int, default=32)
    evaluate.add_argument(
        "--covered", type=int, default=64, help="scenes to ask again with regions covered; 0: none"
    )
    evaluate.add_argument("--json", action="store_true", help="print JSON instead of a table")
    evaluate.add_argument("--card", type=Path, help="also write the model card to this file")
    evaluate.set_defaults(run=_evaluate)

    study = commands.add_parser("study", help="which way of retraining helps")
    if wanted[:1] == ["study"]:
        from training.study.study import add_arguments as add_study_arguments

        add_study_arguments(study)
    study.set_defaults(run=_study)

    shortcut = commands.add_parser("shortcut", help="make a model that is right for the wrong reason")
    if wanted[:1] == ["shortcut"]:
        from training.study.shortcut import add_arguments as add_shortcut_arguments

        add_shortcut_arguments(shortcut)
    shortcut.set_defaults(run=_shortcut)

    bench = commands.add_parser(
        "bench", help="seconds a step and memory, beside trl's trainer on the same work"
    )
    if wanted[:1] == ["bench"]:
        from training.bench.step_cost import add_arguments as add_bench_arguments

        add_bench_arguments(bench)
    bench.set_defaults(run=_bench)

    table = commands.add_parser("options", help="the options of a run as a table in Markdown")
    table.add_argument("--into", type=Path, help="put it between the markers of this page, not on the screen")
    table.set_defaults(run=_options)

    pretrain = commands.add_parser("pretrain", help="make the bundled model")
    if wanted[:1] == ["pretrain"]:
        from training.bundled.pretrain import add_arguments, run

        add_arguments(pretrain)
        pretrain.set_defaults(run=run)
    return parser


def _add_train(commands: Any, listed: bool) -> None:
    """Args: listed: with the options of a run in its help."""
    train = commands.add_parser(
        "train",
        help="carry out a run: a stored one, or one from a YAML file or from options alone",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = train.add_mutually_exclusive_group()
    which.add_argument("--run", dest="run_id", type=int, help="the run's number in the store")
    which.add_argument("--config", type=Path, help="a YAML file such as those in training/recipes/")
    train.add_argument(
        "--resume", action="store_true", help="with --run: a cancelled or failed one, from its checkpoint"
    )
    train.add_argument(
        "--set",
        dest="pairs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the run, over what the file says; without a file over the model's defaults; "
        "as often as needed",
    )
    train.add_argument("--data", type=Path, help="corrections of this file, not the store's")
    train.add_argument("--format", help="of that file; see `python -m storage import --help`")
    train.add_argument("--model", help="another model than the file names")
    train.add_argument("--data-dir", type=Path, help="the store's folder (default: SAYO_DATA_DIR or data/)")
    train.add_argument("--device", help="auto, cpu, cuda, cuda:1, mps")
    if listed:
        train.epilog = _options_help()
    train.set_defaults(run=_train)


def _options_help() -> str:
    from sayo_app.options_text import help_text
    from sayo_app.run_config import OTHER_MODELS, RunConfig

    described = help_text(RunConfig(), OTHER_MODELS, shutil.get_terminal_size().columns)
    return f"options of a run, in a YAML file or after --set:\n{described}"


def _check_train(options: argparse.Namespace) -> None:
    """Raises SettingsError: no run is named, or a stored one is to have other options than it has."""
    new = {
        "--set": options.pairs,
        "--data": options.data,
        "--format": options.format,
        "--model": options.model,
    }
    given = [flag for flag, value in new.items() if value]
    if options.run_id is not None and given:
        raise SettingsError(
            expected="--run alone: a stored run has its options",
            got=" ".join(given),
            remedy="Start a new run with --config or --set.",
        )
    if options.run_id is None and not options.config and not given:
        raise SettingsError(
            expected="a run to carry out",
            got="none",
            remedy="Name a stored one with --run, a YAML file with --config, or options with --set.",
        )


def _train(options: argparse.Namespace) -> None:
    stop = StopSignal()
    stop.install()
    _check_train(options)
    from storage.store import Store
    from training.run.job import logged, run_job, submit
    from training.run.recipe import read_recipe

    settings = Settings.from_environment(data_dir=options.data_dir, device=options.device)
    if options.run_id is None:
        named = {"model": options.model, "data_format": options.format}
        if options.data:
            named["data"] = str(options.data.resolve())
        run_id = submit(settings, read_recipe(options.config, options.pairs, **named))
        with logged(settings, run_id):
            run_job(settings, run_id, stop)
        return
    if options.resume:
        with Store(settings) as store:
            store.runs.requeue(options.run_id)
    run_job(settings, options.run_id, stop)


def _evaluate(options: argparse.Namespace) -> None:
    from sayo_app.core.scenes.scene import KINDS
    from sayo_app.mllm.models.loading import load_model
    from training.bundled.model_card import model_card
    from training.bundled.scenes import evaluate_scenes, table

    settings = Settings.from_environment(model=options.model, device=options.device)
    loaded = load_model(settings)
    result = evaluate_scenes(
        loaded, options.scenes, options.seed, settings.answer_tokens, options.batch_size, options.covered
    )
    if options.card:
        parameters = sum(parameter.numel() for parameter in loaded.model.parameters())
        write_text(options.card, model_card(result, parameters, len(KINDS)))
    print(json.dumps(result, indent=2) if options.json else table(result))


def _study(options: argparse.Namespace) -> None:
    from training.study.study import report_text, study_report

    report = study_report(options)
    if options.out:
        write_text(options.out, json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2) if options.json else report_text(report))


def _shortcut(options: argparse.Namespace) -> None:
    from training.study.shortcut import run

    run(options)


def _bench(options: argparse.Namespace) -> None:
    from training.bench.step_cost import bench, one, table

    if options.one:
        print(json.dumps(one(options, options.one)))
        return
    result = bench(options)
    text = json.dumps(result, indent=2)
    if options.out:
        write_text(options.out, text + "\n")
    print(text if options.json else table(result))


def _options(options: argparse.Namespace) -> None:
    from sayo_app.options_text import put_table, table
    from sayo_app.run_config import OTHER_MODELS, RunConfig

    text = table(RunConfig(), OTHER_MODELS)
    if options.into:
        put_table(options.into, text)
    else:
        print(text)


if __name__ == "__main__":
    sys.exit(main())
