"""SIGTERM as Ctrl-C: what is at work may save what it has before the process ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """The process was told to end by SIGTERM, as `docker stop` and SLURM do."""


def terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Raises `Terminated`: what `signal.default_int_handler` is for Ctrl-C."""
    raise Terminated


@contextmanager
def terminable() -> Iterator[None]:
    """Inside the ``with``, SIGTERM raises `Terminated`.

    Only the main thread is told of signals, and a handler of somebody else's stays.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
