"""A line for every training run, so that runs can be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentiment_rnn.errors import DataError, ResourceError

RUN_LOG = "runs.jsonl"


def append_run(folder: Path, run: Mapping[str, Any]) -> None:
    """Adds a run to the log of the folder that its model lies in.

    Args:
        folder: the folder with the trained models.
        run: anything that JSON can hold; ``metrics`` and ``seconds`` are shown by the table.

    Raises:
        ResourceError: if the log can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # One write in append mode: runs that end at the same time don't mix their lines.
        with (folder / RUN_LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(run, sort_keys=True) + "\n")
    except OSError as error:
        raise ResourceError(f"Could not write {folder / RUN_LOG}: {error.strerror}") from error


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """The last run of each model in a folder's log, the best validation accuracy first.

    A run is left out if a later one of the same name replaced its model, or went on with it.

    Raises:
        DataError: if a line of the log is no run.
        ResourceError: if there is no log.
    """
    path = folder / RUN_LOG
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ResourceError(
            f"No run log at {path}: {error.strerror}. `sentiment-rnn train` writes one beside "
            "the models that it saves."
        ) from error
    runs: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines, 1):
        try:
            run = json.loads(line)
            float(run["metrics"]["validation"]["accuracy"])
            runs[str(run["name"])] = run
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}, is not a run of this package.") from error
    return sorted(runs.values(), key=lambda run: -run["metrics"]["validation"]["accuracy"])
