"""Starts `sandbox` with cases and gives what came of them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.faults.io_faults import built, environment


def run_cases(cases: Iterable[dict], folder: Path, *options: str) -> list[dict]:
    """Runs cases of the command line in forks of one process.

    Args:
        cases: see `sandbox`.
        folder: where what is compiled may lie.
        options: of `sandbox`.
    """
    try:
        variables = environment(built(folder), folder / "nothing")
    except pytest.skip.Exception:
        # Without it, the files that libraries open by themselves aren't seen.
        variables = dict(os.environ)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.sandbox", *options],
        input="".join(json.dumps(case) + "\n" for case in cases),
        capture_output=True,
        text=True,
        env=variables,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(result: dict, *codes: int) -> None:
    """A message of at most three lines with one of the exit codes, and nothing forbidden."""
    shown = json.dumps(result, indent=1)
    assert result["code"] in codes, shown
    assert not result["reported"], shown
    assert "Traceback" not in result["err"], shown
    assert all(character.isprintable() for character in result["err"].replace("\n", "")), shown
    assert all(len(line) < 1100 for line in result["err"].splitlines()), shown
    message = result["err"].split("sentiment-rnn: ")[-1]
    assert result["code"] in (0, 2) or len(message.splitlines()) <= 3, shown
