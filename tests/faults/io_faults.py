"""Lets chosen calls of the C library fail, or a process die at them, by `io_faults.c`."""

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ONCE, FROM_THEN_ON, KILL = range(3)
ERRORS = (errno.ENOSPC, errno.EACCES, errno.EIO)


def built(folder: Path) -> Path:
    """The library, compiled; the test is skipped where that can't be."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("faults of the C library need Linux and a C compiler")
    library = folder / "io_faults.so"
    source = Path(__file__).with_suffix(".c")
    options: list[str | Path] = [
        "-shared",
        "-fPIC",
        "-O1",
        "-Wall",
        "-Werror",
        "-o",
        library,
        source,
        "-ldl",
    ]
    subprocess.run([compiler, *options], check=True)
    return library


class IOFaults:
    """The library in a process that was started with it."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.io_faults_count.restype = ctypes.c_long

    def arm(self, call: int, error: int, manner: int) -> None:
        """From now on, the calls are counted, and the one of that number fails."""
        self._library.io_faults_arm(ctypes.c_long(call), error, manner)

    def disarm(self) -> None:
        """From now on, no call fails."""
        self._library.io_faults_arm(ctypes.c_long(0), 0, ONCE)

    def count(self) -> int:
        """The calls since `arm`."""
        return self._library.io_faults_count()

    def without_exchange(self) -> None:
        """From now on, two folders can't be exchanged in one step, as on some file systems."""
        self._library.io_faults_without_exchange(1)


def environment(library: Path, root: Path, **more: str) -> dict[str, str]:
    """The environment of a process with the library, which watches the folder `root`."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    return {
        **os.environ,
        **threads,
        "LD_PRELOAD": str(library),
        "IO_FAULTS_ROOT": str(root),
        **more,
    }
