"""Runs the command line in processes of their own, and reports all that they should not do.

``python -m tests.faults.sandbox`` reads cases from standard input, a JSON object a line with the
``arguments``, the paths that may be opened (``allowed``) and the seconds that it may take; and
prints a JSON object for each. The processes are forks of one that has imported what the command
line needs, so that a case takes milliseconds; ``--alone`` imports it anew in each.

Python itself reports files, sockets, processes and pickles (`sys.addaudithook`); files that
libraries open by themselves are reported by `io_faults`, where it is there.
"""

import json
import os
import resource
import signal
import sys
import sysconfig
import tempfile
import time
import traceback
import types
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOG = "IO_FAULTS_LOG"
MEMORY = 1 << 30
# What runs or fetches something; opening files is looked at one by one.
FORBIDDEN = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "pty.spawn",
    "pickle.find_class",
    "socket.",
    "urllib.Request",
    "shutil.unpack_archive",
)
# The interpreter and its libraries, this package, and what the system says of itself.
SYSTEM = tuple(
    os.path.realpath(place)
    for place in (
        sys.prefix,
        sys.base_prefix,
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("purelib"),
        ROOT / "sentiment_rnn",
        # Where an editable installation has its version.
        ROOT / "sentiment_rnn.egg-info",
        ROOT / "models",
        ROOT / "data",
        "/dev/null",
        "/dev/urandom",
        "/proc",
        "/sys",
        "/usr/share/zoneinfo",
    )
)


def is_allowed(path: object, allowed: list[str]) -> bool:
    if isinstance(path, int):
        return True
    real = os.path.realpath(os.fsdecode(path))  # type: ignore[arg-type]
    return any(real == place or real.startswith(place + "/") for place in (*SYSTEM, *allowed))


def run(case: dict) -> dict:
    """Runs one case in a fork of this process."""
    with tempfile.TemporaryDirectory() as folder:
        out, err, seen, opened = (Path(folder, name) for name in ("out", "err", "seen", "opened"))
        for file in (out, err, seen, opened):
            file.touch()
        allowed = [os.path.realpath(place) for place in (*case.get("allowed", ()), folder)]
        started = time.monotonic()
        process = os.fork()
        if not process:
            code = 70
            try:
                code = _child(case, out, err, seen, opened, allowed)
            except BaseException:
                traceback.print_exc()
                raise
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status, usage = os.wait4(process, 0)
        reported = [line for line in seen.read_text().splitlines() if line]
        for path in opened.read_text(errors="surrogateescape").splitlines():
            if not is_allowed(path, allowed):
                reported.append(f"opened {path}")
        return {
            "name": case.get("name"),
            "code": os.waitstatus_to_exitcode(status),
            "out": out.read_text(errors="backslashreplace")[-4000:],
            "err": err.read_text(errors="backslashreplace")[-4000:],
            "reported": reported,
            "seconds": round(time.monotonic() - started, 3),
            "megabytes": usage.ru_maxrss >> 10,
        }


def _child(case: dict, out: Path, err: Path, seen: Path, opened: Path, allowed: list[str]) -> int:
    standard_input = case.get("stdin")
    for number, (path, flags) in enumerate(
        ((standard_input or os.devnull, os.O_RDONLY), (out, os.O_WRONLY), (err, os.O_WRONLY))
    ):
        os.dup2(os.open(path, flags), number)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    seconds = case.get("seconds", 10)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    signal.alarm(2 * seconds)
    os.environ[LOG] = str(opened)
    handle = os.open(seen, os.O_WRONLY | os.O_APPEND)

    def look(event: str, arguments: tuple) -> None:
        if event.startswith(FORBIDDEN):
            os.write(handle, f"{event} {arguments!r:.200} by {_callers()}\n".encode())
        elif event == "open" and not is_allowed(arguments[0], allowed):
            os.write(handle, f"opened {arguments[0]!r}\n".encode())

    # Whoever imports it starts `uname`, which tells it the processor.
    import h5py  # noqa: F401

    from sentiment_rnn.cli import main

    sys.addaudithook(look)
    try:
        return main(case["arguments"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def _callers() -> str:
    """The places in the code that led to an event, the last first."""
    frame: types.FrameType | None = sys._getframe(2)
    places: list[str] = []
    while frame is not None and len(places) < 12:
        places.append(f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}")
        frame = frame.f_back
    return ", ".join(places)


def preload() -> None:
    """Imports what is otherwise imported on the way, so that forks find it there."""
    import csv  # noqa: F401

    import h5py  # noqa: F401
    import numpy.lib.format  # noqa: F401

    import sentiment_rnn.characters
    import sentiment_rnn.cli
    import sentiment_rnn.datasets
    import sentiment_rnn.persistence
    import sentiment_rnn.sentiment  # noqa: F401


if __name__ == "__main__":
    if "--alone" not in sys.argv:
        preload()
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
