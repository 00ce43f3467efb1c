"""A side in a process of its own: another backend of Keras, or memory that is its alone.

The process is told which side it is, prepares it, and then runs it as often as it is asked to:
requests and answers are lines of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from benchmarks.measuring import Here, Run, Runner, Side
from benchmarks.settings import Settings

ROOT = Path(__file__).parents[1]
PEAK = "peak memory, MB"


class Child:
    """A side in another process, whose start isn't timed.

    Args:
        suite: name of the suite.
        comparison: name of the comparison.
        side: the side.
        settings: those of this run.
    """

    def __init__(self, suite: str, comparison: str, side: Side, settings: Settings) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(side.environment),
        )
        self._name = side.name
        self._ask(
            {
                "settings": asdict(settings),
                "suite": suite,
                "comparison": comparison,
                "side": side.name,
            }
        )

    def run(self) -> Run:
        answer = self._ask("run")
        self.peak_megabytes = answer["peak_megabytes"]
        return Run(answer["seconds"], answer["output"])

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, request: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self._process.stdout.readline()
        if not answer:
            self.close()
            raise RuntimeError(f"The process of {self._name} ended: {self._process.returncode}")
        return json.loads(answer)


class Fresh:
    """A side that gets a new process each time that it runs."""

    def __init__(self, suite: str, comparison: str, side: Side, settings: Settings) -> None:
        self._which = (suite, comparison, side, settings)

    def run(self) -> Run:
        child = Child(*self._which)
        try:
            run = child.run()
            return replace(run, figures={PEAK: child.peak_megabytes})
        finally:
            child.close()

    def close(self) -> None:
        pass


def start(suite: str, comparison: str, side: Side, settings: Settings) -> Runner:
    """Prepares a side in the process that it asks for."""
    if side.process == "here":
        return Here(side)
    return (Child if side.process == "child" else Fresh)(suite, comparison, side, settings)


# Between this process and a command: what a process has when it begins counts as memory of the
# command, so that it must be little. Starting it isn't timed.
_LAUNCHER = """
import json, os, sys, time
started = time.perf_counter()
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - started
code = os.waitstatus_to_exitcode(status)
os.write(int(os.environ["ANSWERS"]), json.dumps([code, seconds, usage.ru_maxrss]).encode())
"""


def run_command(command: list[str]) -> Run:
    """Runs a command to its end: how long it took, and its peak memory.

    Raises:
        RuntimeError: if it fails.
    """
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[writing],
            env=_environment({"ANSWERS": str(writing)}),
            check=False,
        )
        os.close(writing)
        with os.fdopen(os.dup(reading)) as answers:
            code, seconds, maxrss = json.loads(answers.read() or "[null, 0, 0]")
    finally:
        os.close(reading)
    if code != 0:
        text = done.stderr.decode(errors="replace")[-2000:]
        raise RuntimeError(f"{command[:4]} ended with {code}:\n{text}")
    return Run(seconds, None, {PEAK: _megabytes(maxrss)})


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's variables and more; the benchmarks are found from any folder."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **more}


def _megabytes(maxrss: int) -> float:
    # Linux counts in kilobytes, macOS in bytes.
    return maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)


def _peak_megabytes() -> float:
    """The most memory that this process has had."""
    try:
        # Unlike getrusage's, this doesn't begin with what the parent had when it made this process.
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    import resource

    return _megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _serve(requests: TextIO, answers: TextIO) -> None:
    from benchmarks.suites import comparisons

    def answer(what: Mapping[str, object]) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    asked = json.loads(requests.readline())
    settings = Settings(**asked["settings"])
    found = {each.name: each for each in comparisons(asked["suite"], settings)}
    sides = {side.name: side for side in found[asked["comparison"]].sides}
    call = sides[asked["side"]].prepare()
    answer({})
    while requests.readline():
        started = time.perf_counter()
        output = call()
        run = output if isinstance(output, Run) else Run(time.perf_counter() - started, output)
        answer(
            {
                "seconds": run.seconds,
                "output": _plain(run.output),
                "peak_megabytes": _peak_megabytes(),
            }
        )


def _plain(output: object) -> object:
    """What JSON can carry of what a side gave."""
    if isinstance(output, np.ndarray):
        return output.tolist()
    return dict(output) if isinstance(output, Mapping) else None


def main() -> None:
    # Libraries print where they like; the answers keep a way of their own.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        _serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
