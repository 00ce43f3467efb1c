"""Runs suites and writes down what they found."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.charts import chart
from benchmarks.machine import describe
from benchmarks.measuring import measure
from benchmarks.rendering import to_json, to_markdown
from benchmarks.settings import Settings
from benchmarks.suites import comparisons
from benchmarks.worker import start
from sentiment_rnn.errors import ResourceError


def run(
    suites: Sequence[str], settings: Settings, *, as_json: bool = False, out: Path | None = None
) -> Iterator[str]:
    """Measures suites one after the other.

    Args:
        suites: their names.
        settings: the run; its folder is made here.
        as_json: whether to give JSON instead of Markdown.
        out: a folder for ``SUITE.md``, ``SUITE.json`` and ``SUITE.png``; None for none.

    Yields:
        What each suite found, as soon as it is there.

    Raises:
        ResourceError: if `out` can't be written.
    """
    # Where Keras runs in this process, it is the one that the package is tested with.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    machine = {**describe(settings.quick), "rounds": settings.rounds}
    machine["data"] = Path(settings.data).name
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        settings = replace(settings, folder=folder)
        for suite in suites:
            results = [
                measure(
                    comparison,
                    settings.rounds,
                    functools.partial(start, suite, comparison.name, settings=settings),
                    log=_log,
                )
                for comparison in comparisons(suite, settings)
            ]
            markdown = to_markdown(suite, machine, results)
            found = to_json(suite, machine, results)
            if out is not None:
                with _writing(out):
                    (out / f"{suite}.md").write_text(markdown, encoding="utf-8")
                    (out / f"{suite}.json").write_text(found + "\n", encoding="utf-8")
                    chart(suite, results).savefig(out / f"{suite}.png", dpi=150)
            yield found if as_json else markdown


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise ResourceError(f"Could not write to {folder}: {error.strerror or error}") from error


def _log(message: str) -> None:
    print(message, file=sys.stderr)
