"""Files from which a training that was interrupted goes on: arrays, and how far it had come.

The last two are kept: should the last be damaged, there is the one before. A file is written under
another name, waited for until the disk has it, and renamed, so that a program that is killed leaves
whole ones. Each says by a checksum whether all its bytes are as they were written.
"""

from __future__ import annotations

import hashlib
import json
import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from sentiment_rnn._arrays import read_arrays, write_arrays
from sentiment_rnn._files import atomic_file, locked
from sentiment_rnn._signals import terminate
from sentiment_rnn.errors import ModelError, UsageError

# Seconds between two checkpoints, at least.
SECONDS = 30.0
# How many times as long as writing one takes it is to the next: the cost stays below 2 %.
_PAUSE = 50
# Under which name files are written. Raise the number when they hold other things than before.
_NAME = "checkpoint 1"
# What interrupts, and the handlers by which it does.
_INTERRUPTIONS: dict[int, Callable[[int, FrameType | None], Any]] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: terminate,
}


def write_checkpoint(
    path: Path, progress: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Writes a checkpoint, and keeps the one before under the name of `checkpoint_before`.

    Args:
        path: the file.
        progress: how far training has come, of JSON's types.
        arrays: by name, all that going on takes.

    Raises:
        ResourceError: if the file can't be written; what was there before is there still.
    """
    text = json.dumps({"progress": progress, "names": list(arrays)})
    content = [np.frombuffer(text.encode(), np.uint8), *arrays.values()]
    with atomic_file(path) as temporary:
        write_arrays(temporary, content, name=_NAME)
        if path.exists():
            path.replace(checkpoint_before(path))


@contextmanager
def read_checkpoint(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Yields how far a run had come, and its arrays.

    If the file is damaged, the checkpoint before it takes its place, with a warning.

    Raises:
        ModelError: if neither is whole, or something is missing that is asked for.
    """
    found = read_arrays(path, name=_NAME)
    if found is None:
        before = checkpoint_before(path)
        found = read_arrays(before, name=_NAME)
        if found is not None and path.exists():
            warnings.warn(
                f"{path} is damaged. Going on from the checkpoint before it.",
                RuntimeWarning,
                stacklevel=3,
            )
            before.replace(path)
    problem = f"{path} is no checkpoint, or a damaged one."
    if found is None:
        raise ModelError(problem)
    text, *arrays = found
    saved = json.loads(text.tobytes())
    try:
        yield saved["progress"], dict(zip(saved["names"], arrays, strict=True))
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(problem) from error


def checkpoint_before(path: Path) -> Path:
    """Where the checkpoint before the last is kept.

    Example:
        >>> checkpoint_before(Path("mine.checkpoint")).name
        'mine.checkpoint.before'
    """
    return path.with_name(f"{path.name}.before")


def has_checkpoint(path: Path) -> bool:
    """Whether there is a checkpoint to go on from, the last or the one before."""
    return path.exists() or checkpoint_before(path).exists()


def remove_checkpoint(path: Path) -> None:
    """Removes both files, where they are."""
    checkpoint_before(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def checkpoint_settings(path: Path) -> dict[str, Any]:
    """The settings of the training that a checkpoint is of, by name.

    Raises:
        ModelError: if the file is no checkpoint.
    """
    with read_checkpoint(path) as (progress, _):
        return dict(progress["settings"])


def fingerprint(settings: object, arrays: Iterable[np.ndarray]) -> str:
    """A hash of all that decides what training gives.

    Args:
        settings: of JSON's types.
        arrays: of numbers.

    Example:
        >>> one, other = (fingerprint(["a"], [np.arange(n)]) for n in (2, 3))
        >>> len(one), one == other
        (64, False)
    """
    found = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for array in arrays:
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def check_task(
    path: Path,
    progress: Mapping[str, Any],
    *,
    settings: Mapping[str, Any],
    fingerprint: str,
    may_change: Sequence[str] = (),
) -> None:
    """Checks that a checkpoint is of the training that is to go on.

    Args:
        path: the file.
        progress: what it says, with the ``settings`` and the ``fingerprint`` that it began with.
        settings: those of now, by name; what isn't among them isn't compared.
        fingerprint: of now, of all that decides what training gives.
        may_change: names of settings that may be others, on which the fingerprint doesn't depend.

    Raises:
        ModelError: if it is of another.
    """
    only = f"; only {' and '.join(may_change)} may change" if may_change else ""
    for name, began in progress["settings"].items():
        now = settings.get(name, began)
        if now != began and name not in may_change:
            raise ModelError(
                f"{path} is a checkpoint of other settings. Expected {name} {began}, as it began"
                f"{only}. Received: {now}"
            )
    if progress["fingerprint"] != fingerprint:
        raise ModelError(
            f"{path} is a checkpoint of other data, settings or another seed. Expected those that "
            f"it began with{only}."
        )


class CheckpointWriter:
    """Writes the checkpoints of a training, and lets Ctrl-C and SIGTERM wait for them.

    Args:
        path: the file; None writes none.
        state: gives what `write_checkpoint` takes.
        advice: what to try if the loss is no number any more, as of `TrainingConfig`.
        every: steps between two checkpoints; None for one now and then, by the clock.
    """

    def __init__(
        self,
        path: Path | None,
        state: Callable[[], tuple[Mapping[str, Any], Mapping[str, np.ndarray]]],
        *,
        advice: str,
        every: int | None = None,
    ) -> None:
        self._path = path
        self._state = state
        self._advice = advice
        self._every = every
        self._steps = 0
        self._written, self._pause = time.monotonic(), SECONDS
        self._in_step = False
        # The signal that waits for the end of a step, and those that would.
        self._interruption: int | None = None
        self._waiting: list[int] = []

    def begin_step(self) -> None:
        """From here to `end_step`, Ctrl-C waits, so that no step is half done in a checkpoint.

        So does SIGTERM inside `terminable`. A second one doesn't wait, and writes none.
        """
        # Only the main thread is interrupted, and a handler of somebody else's stays.
        if self._path is not None and threading.current_thread() is threading.main_thread():
            for number, handler in _INTERRUPTIONS.items():
                if signal.getsignal(number) is handler:
                    self._waiting.append(number)
                    signal.signal(number, self._note)
        self._in_step = True

    def end_step(self) -> None:
        """See `begin_step`.

        Raises:
            KeyboardInterrupt: if there was a Ctrl-C; `Terminated`, which is one, of SIGTERM.
        """
        self._in_step = False
        self._let_go()
        number, self._interruption = self._interruption, None
        if number is not None:
            _INTERRUPTIONS[number](number, None)

    @contextmanager
    def step(self) -> Iterator[None]:
        """What is between `begin_step` and `end_step`."""
        self.begin_step()
        yield
        self.end_step()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._let_go()
        self._interruption = number

    def _let_go(self) -> None:
        while self._waiting:
            number = self._waiting.pop()
            signal.signal(number, _INTERRUPTIONS[number])

    def after_step(self, loss: float) -> None:
        """Looks at the loss, and writes a checkpoint if it is time.

        Args:
            loss: of the step, or the mean since an epoch began.

        Raises:
            UsageError: if the loss is no finite number.
            ResourceError: if the file can't be written.
        """
        self.check(loss)
        self._steps += 1
        if self._every is not None:
            is_time = self._steps % self._every == 0
        else:
            is_time = time.monotonic() - self._written >= self._pause
        if is_time:
            self.write()

    def check(self, loss: float) -> None:
        """Raises a `UsageError` if a loss is no finite number."""
        if math.isfinite(loss):
            return
        kept = ""
        if self._path is not None and has_checkpoint(self._path):
            kept = f"\n{self._path} has the last weights that were finite."
        raise UsageError(f"The loss is {loss}: training diverges. {self._advice}{kept}")

    def write(self) -> None:
        """Writes a checkpoint, unless something in it is no finite number any more.

        Raises:
            ResourceError: if the file can't be written.
        """
        if self._path is None:
            return
        started = time.monotonic()
        progress, arrays = self._state()
        # If not, the last one stays, and the next loss says so.
        if all(np.isfinite(array).all() for array in arrays.values()):
            write_checkpoint(self._path, progress, arrays)
        self._written = time.monotonic()
        self._pause = max(SECONDS, _PAUSE * (self._written - started))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Inside the ``with``, an interruption writes a checkpoint before it goes on.

        Raises:
            UsageError: if another training writes to the same file.
        """
        with locked(self._path) if self._path is not None else nullcontext():
            try:
                yield
            except KeyboardInterrupt:
                if not self._in_step:
                    self.write()
                raise
            finally:
                self._let_go()


def numbered(name: str, arrays: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays by names that end in their places.

    Example:
        >>> list(numbered("weight", [np.zeros(1), np.ones(1)]))
        ['weight-0', 'weight-1']
    """
    return {f"{name}-{place}": array for place, array in enumerate(arrays)}


def from_numbered(name: str, saved: Mapping[str, np.ndarray], count: int) -> list[np.ndarray]:
    """The arrays that `numbered` named.

    Raises:
        KeyError: if one is missing.
    """
    return [saved[f"{name}-{place}"] for place in range(count)]
