"""Trainings that are killed at random moments go on as if nothing had happened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def kill(engine, kills, seed):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.faults.kill_training", "--engine", engine]
    done = subprocess.run(
        [*command, "--kills", str(kills), "--seed", str(seed)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{engine}: {kills} of {kills} equal" in done.stdout


def test_a_killed_training_goes_on():
    kill("numpy", 1, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numpy", "keras"])
def test_many_killed_trainings_go_on(engine):
    kill(engine, 25, seed=1)
