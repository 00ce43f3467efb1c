"""Processes that tokenize for this one.

They are started as programs of their own, which read texts from standard input and write numbers to
standard output. `multiprocessing` has two ways to start them, and each breaks somebody's program:
a fork copies the locks of TensorFlow's threads but not the threads that would open them, and
otherwise a script without ``if __name__ == "__main__"`` is run again by each process.
"""

from __future__ import annotations

import marshal
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import ExitStack, suppress
from typing import IO, Any

import numpy as np

from sentiment_rnn.preprocessing.tokenized import TokenizedTexts
from sentiment_rnn.preprocessing.tokenizer import TreebankTokenizer

_PROGRAM = """
import marshal, sys
sys.path[:] = marshal.loads(marshal.load(sys.stdin.buffer))
from sentiment_rnn.preprocessing.workers import serve
serve()
"""


def tokenize_in_processes(
    batches: Iterable[list[str]], tokenizer: TreebankTokenizer, processes: int | None = None
) -> Generator[TokenizedTexts]:
    """Yields batches of texts, tokenized, in their order.

    Args:
        batches: read no further ahead than there are processes.
        tokenizer: of the tokens.
        processes: how many; None for one a processor. With one, this process does it.
    """
    batches = iter(batches)
    with ExitStack() as stack:
        workers = _start(_count(processes), tokenizer, stack)
        waiting: deque[tuple[_Worker, list[str]]] = deque()
        for worker, batch in zip(workers, batches, strict=False):
            _send(worker, batch)
            waiting.append((worker, batch))
        while waiting:
            worker, batch = waiting.popleft()
            done = _receive_tokenized(worker)
            following = next(batches, None)
            if following is not None:
                _send(worker, following)
                waiting.append((worker, following))
            # A worker may have been killed, for its memory or by hand.
            yield TokenizedTexts.of(batch, tokenizer) if done is None else done
        for batch in batches:
            yield TokenizedTexts.of(batch, tokenizer)


def serve() -> None:
    """What a worker does: it tokenizes the batches that come until there are no more."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    keep_break_tags, lowercase = _read(requests)
    tokenizer = TreebankTokenizer(keep_break_tags=keep_break_tags, lowercase=lowercase)
    with suppress(EOFError):
        while True:
            done = TokenizedTexts.of(_read(requests), tokenizer)
            _write(answers, [done.vocabulary, done.numbers.tobytes(), done.lengths.tobytes()])


_Worker = subprocess.Popen[bytes]


def _count(processes: int | None) -> int:
    """How many workers to start."""
    if processes is None:
        # Here, because that room imports from this one.
        from sentiment_rnn.numpy_rnn.threads import count_processors

        # Where a program was packed into one file, that is what would be started again.
        processes = 1 if getattr(sys, "frozen", False) else count_processors()
    return processes if processes > 1 else 0


def _start(count: int, tokenizer: TreebankTokenizer, stack: ExitStack) -> list[_Worker]:
    workers: list[_Worker] = []
    # As many as the system allows.
    with suppress(OSError):
        for _ in range(count):
            worker = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # What goes wrong there is done, and fails if it must, in this process.
                stderr=subprocess.DEVNULL,
            )
            stack.callback(_stop, worker)
            workers.append(worker)
    # Only then, since what is sent waits until the worker has started.
    for worker in workers:
        _send(worker, list(map(str, sys.path)))
        _send(worker, [tokenizer.keep_break_tags, tokenizer.lowercase])
    return workers


def _stop(worker: _Worker) -> None:
    worker.kill()
    worker.communicate()


def _send(worker: _Worker, value: list[Any]) -> None:
    assert worker.stdin is not None
    # If it is gone, that shows when its answer doesn't come.
    with suppress(OSError):
        _write(worker.stdin, value)


def _receive_tokenized(worker: _Worker) -> TokenizedTexts | None:
    """What a worker has made of a batch; None if it is gone, or something else than Python."""
    assert worker.stdout is not None
    try:
        vocabulary, numbers, lengths = _read(worker.stdout)
        done = np.frombuffer(numbers, np.int32), np.frombuffer(lengths, np.int64)
    except (OSError, EOFError, ValueError, TypeError):
        return None
    return TokenizedTexts(vocabulary, *done)


# marshal is for values that one Python hands to another of the same version. It reads a file in
# many small steps, but bytes in one. What it reads here comes from a process of our own.


def _write(file: IO[bytes], value: list[Any]) -> None:
    marshal.dump(marshal.dumps(value), file)
    file.flush()


def _read(file: IO[bytes]) -> Any:
    return marshal.loads(marshal.load(file))  # noqa: S302
