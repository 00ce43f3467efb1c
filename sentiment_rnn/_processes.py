"""Processes that work for this one, beside it, and memory that they share.

They are started as programs of their own, which read what to do from standard input and write what
they found to standard output. `multiprocessing` has two ways to start them, and each breaks
somebody's program: a fork copies the locks of TensorFlow's threads but not the threads that would
open them, and otherwise a script without ``if __name__ == "__main__"`` is run again by each
process.
"""

from __future__ import annotations

import marshal
import mmap
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from math import prod
from typing import IO, Any

import numpy as np

_PROGRAM = """
import marshal, sys
sys.path[:] = marshal.loads(marshal.load(sys.stdin.buffer))
from {module} import serve
serve()
"""
# The start of a line of the processor's cache.
_ALIGNMENT = 64


class Worker:
    """A process that answers what it is sent.

    Args:
        module: of which it runs the function ``serve``; that takes no arguments, and answers the
            `requests` by `answer`.
        files: descriptors of open files that it gets too.
        environment: variables that it gets besides this process's.

    Raises:
        OSError: if it can't be started.
    """

    def __init__(
        self,
        module: str,
        *,
        files: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(module=module)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # What goes wrong there is done, and fails if it must, in this process.
            stderr=subprocess.DEVNULL,
            pass_fds=tuple(files),
            env={**os.environ, **(environment or {})},
        )
        self._path_sent = False

    def send(self, value: object) -> None:
        """Sends something that `marshal` can write; the first waits until the worker has started.

        Of a worker that is gone nothing is said: its answer doesn't come.
        """
        assert self._process.stdin is not None
        with suppress(OSError):
            if not self._path_sent:
                self._path_sent = True
                _write(self._process.stdin, list(map(str, sys.path)))
            _write(self._process.stdin, value)

    def receive(self) -> Any:
        """What the worker answers; None if it is gone, or is something else than Python."""
        assert self._process.stdout is not None
        try:
            return _read(self._process.stdout)
        except (OSError, EOFError, ValueError, TypeError):
            return None

    def has_answered(self) -> bool:
        """Whether `receive` would wait for nothing: an answer is there, or none will come."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def stop(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()


def wait_for_answers(workers: Sequence[Worker]) -> list[Worker]:
    """Waits until a worker has answered, or is gone; gives all for which that is so."""
    by_output = {worker._process.stdout: worker for worker in workers}
    answered, _, _ = select.select([one for one in by_output if one is not None], [], [])
    return [by_output[one] for one in answered]


def can_start_workers() -> bool:
    """Whether this program can be started again as another."""
    # Where a program was packed into one file, that is what would be started again.
    return not getattr(sys, "frozen", False)


def requests() -> Iterator[Any]:
    """Of a worker: what it is sent, until nothing more comes."""
    # Ctrl-C is the other process's, which may have something to save before it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError):
        while True:
            yield _read(sys.stdin.buffer)


def answer(value: object) -> None:
    """Of a worker: answers with something that `marshal` can write."""
    _write(sys.stdout.buffer, value)


# marshal is for values that one Python hands to another of the same version. It reads a file in
# many small steps, but bytes in one. What it reads here comes from a process of our own.


def _write(file: IO[bytes], value: Any) -> None:
    marshal.dump(marshal.dumps(value), file)
    file.flush()


def _read(file: IO[bytes]) -> Any:
    return marshal.loads(marshal.load(file))  # noqa: S302


class SharedArrays:
    """float32 arrays in memory that other processes see too.

    Args:
        shapes: of the arrays.
        file: a descriptor of the memory that another process made for the same shapes; None to
            make it, filled with zeros.

    Attributes:
        arrays: the arrays.
        file: the descriptor, to be given to a `Worker`.

    Raises:
        OSError: if there is no room, or this system has no such memory.

    Example:
        >>> here = SharedArrays([(2, 3), (1,)])
        >>> there = SharedArrays([(2, 3), (1,)], os.dup(here.file))
        >>> here.arrays[1][:] = 7
        >>> float(there.arrays[1][0])
        7.0
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], file: int | None = None) -> None:
        sizes = [4 * prod(shape) for shape in shapes]
        starts = np.cumsum([0, *(-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)]).tolist()
        total = max(starts[-1], 1)
        self.file = _allocate(total) if file is None else file
        self._memory = mmap.mmap(self.file, total)
        self.arrays = [
            np.frombuffer(self._memory, np.float32, prod(shape), start).reshape(shape)
            for shape, start in zip(shapes, starts[:-1], strict=True)
        ]

    def close_file(self) -> None:
        """Closes the descriptor. The arrays stay."""
        os.close(self.file)


def _allocate(size: int) -> int:
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("sentiment_rnn")
    elif os.name == "posix":
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    else:
        raise OSError("This system has no memory that a process can share by a descriptor.")
    try:
        os.ftruncate(file, size)
    except OSError:
        os.close(file)
        raise
    return file
