"""The command that looks for good settings."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment_rnn._files import atomic_file
from sentiment_rnn.commands.data import cache_of, read_data
from sentiment_rnn.commands.imports import engine_imported
from sentiment_rnn.commands.output import format_table
from sentiment_rnn.commands.sentiment import default_place
from sentiment_rnn.errors import UsageError
from sentiment_rnn.presets import OPTIONS, find_preset, write_preset

if TYPE_CHECKING:
    from sentiment_rnn.tuning import Study, Trial

# Trials that are printed.
SHOWN = 10


def tune(options: Namespace) -> None:
    """Trains with many settings, and keeps those that validate best."""
    try:
        from sentiment_rnn.tuning import Study, parse_variations, search_space
    except ModuleNotFoundError as error:
        raise UsageError(
            f'Tuning needs {error.name}, which is not installed: pip install "sentiment_rnn[tune]"'
        ) from error

    place = default_place(options)
    file: Path = options.study or place.with_name(f"{place.name}.db")
    if not file.name:
        raise UsageError(f"Expected the name of a file. Received: --study {file}")
    out: Path = options.out or file.with_suffix(".json")
    if os.path.realpath(out) == os.path.realpath(file):
        raise UsageError(f"The best settings can't be written over the study itself: {out}")
    if options.preset is not None and os.path.realpath(out) == os.path.realpath(options.preset):
        raise UsageError(
            f"The best settings can't be written over those that tuning begins with: {out}. Name "
            "another file with --out."
        )
    if out.suffix != ".json":
        raise UsageError(f"A preset is a file NAME.json. Received: --out {out}")
    if out.exists():
        # Raises an error if it is something else, which is not to be lost.
        find_preset(out)
    preset = options.preset or "textbook"
    given = {name: getattr(options, name) for name in OPTIONS}
    settings = {name: value for name, value in given.items() if value is not None}
    vary = parse_variations(options.vary or [])
    # Before minutes of reading, not after them.
    search_space(preset, {"seed": options.seed, **settings}, vary)
    with engine_imported(settings.get("engine") or find_preset(preset).training.engine):
        train, _ = read_data(options)
    if options.limit is not None:
        train = train.limit(options.limit, options.seed)
    study = Study(
        file,
        train,
        preset=preset,
        options=settings,
        vary=vary,
        vectors=options.vectors,
        seed=options.seed,
        cache=cache_of(options),
        verbose=True,
    )
    try:
        study.run(options.trials)
    except KeyboardInterrupt:
        _save(study, file, out)
        raise
    if not _save(study, file, out):
        raise UsageError(
            f"No trial of {file} is complete: there are no best settings. Expected settings that "
            "go together; what was wrong with them is said above."
        )
    print(_table(study.trials()))


def _save(study: Study, file: Path, out: Path) -> bool:
    """Writes the best settings and the pictures, if a trial is complete."""
    from sentiment_rnn.plotting import plot_importances, plot_trials

    best = study.best()
    if best is None:
        return False
    write_preset(out, best)
    print(f"saved {out}", file=sys.stderr)
    trials = study.trials()
    accuracies = {
        state: {
            one.number: one.accuracy
            for one in trials
            if one.state == state and one.accuracy is not None
        }
        for state in ("complete", "pruned")
    }
    figures = {"history": plot_trials(accuracies["complete"], accuracies["pruned"])}
    if importances := study.importances():
        figures["importances"] = plot_importances(importances)
    for name, figure in figures.items():
        picture = file.with_name(f"{file.stem}-{name}.png")
        with atomic_file(picture) as temporary:
            figure.savefig(temporary, format="png", dpi=120)
        print(f"saved {picture}", file=sys.stderr)
    return True


def _table(trials: list[Trial]) -> str:
    """The best trials, the best first, with a column for each setting that varies."""
    complete = [one for one in trials if one.state == "complete"]
    complete.sort(key=lambda one: -(one.accuracy or 0))
    head = ["trial", "validation", "epochs", *complete[0].settings]
    rows = [
        [
            str(one.number),
            f"{one.accuracy:.4f}",
            str(one.epochs),
            *(f"{v:.4g}" if isinstance(v, float) else str(v) for v in one.settings.values()),
        ]
        for one in complete[:SHOWN]
    ]
    return format_table(head, rows)
