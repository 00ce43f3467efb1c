"""A line for every training run, so that runs can be compared."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentiment_rnn.errors import ResourceError

RUN_LOG = "runs.jsonl"
# Lines that a warning names.
_NAMED = 10


def append_run(folder: Path, run: Mapping[str, Any]) -> None:
    """Adds a run to the log of the folder that its model lies in.

    Args:
        folder: the folder with the trained models.
        run: anything that JSON can hold. `read_runs` gives it back if it has ``name``,
            ``parameters``, ``seconds``, ``seed``, ``preset``, ``options`` and ``metrics``.

    Raises:
        ResourceError: if the log can't be written.
    """
    line = json.dumps(run, sort_keys=True).encode() + b"\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # One write in append mode: runs that end at the same time don't mix their lines.
        with (folder / RUN_LOG).open("a+b") as log:
            if log.seek(0, os.SEEK_END):
                log.seek(-1, os.SEEK_END)
                # A disk that was full has torn the last line: this one is not to be glued to it.
                if log.read(1) != b"\n":
                    line = b"\n" + line
            log.write(line)
    except OSError as error:
        raise ResourceError(f"Could not write {folder / RUN_LOG}: {error.strerror}") from error


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """The last run of each model in a folder's log, the best validation accuracy first.

    A run is left out if a later one of the same name replaced its model, or went on with it; and,
    with a warning, a line that is no run.

    Raises:
        ResourceError: if there is no log.
    """
    path = folder / RUN_LOG
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ResourceError(
            f"No run log at {path}: {error.strerror}. `sentiment-rnn train` writes one beside "
            "the models that it saves."
        ) from error
    runs: dict[str, dict[str, Any]] = {}
    others: list[int] = []
    for number, line in enumerate(lines, 1):
        run = _run(line)
        if run is not None:
            runs[run["name"]] = run
        elif line:
            others.append(number)
    if others:
        named = ", ".join(map(str, others[:_NAMED])) + (", …" if len(others) > _NAMED else "")
        warnings.warn(
            f"{path} has lines that are no runs of this package, and are left out: {named}",
            RuntimeWarning,
            stacklevel=2,
        )
    return sorted(runs.values(), key=lambda run: -run["metrics"]["validation"]["accuracy"])


def _run(line: bytes) -> dict[str, Any] | None:
    """The run of a line, with all that a table of runs shows; None if it is something else."""
    try:
        run = json.loads(line.decode())
        metrics = run["metrics"]
        numbers = [run["parameters"], run["seconds"], metrics["validation"]["accuracy"]]
        if "test" in metrics:
            numbers.append(metrics["test"]["accuracy"])
        is_run = (
            isinstance(run["name"], str)
            and isinstance(run["options"], dict)
            and {"preset", "seed"} <= run.keys()
            and all(type(one) in (int, float) and math.isfinite(one) for one in numbers)
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return run if is_run else None
