"""Processes that tokenize for this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from sentiment_rnn._processes import Worker, answer, can_start_workers, requests
from sentiment_rnn._threads import count_processors
from sentiment_rnn.preprocessing.tokenized import TokenizedTexts
from sentiment_rnn.preprocessing.tokenizer import TreebankTokenizer

# What a worker says when it has started.
_READY = "ready"
# Batches that a worker gets at a time, so that it hasn't finished long before this process, which
# looks after each of its own, has more for it.
_TOGETHER = 4


def tokenize_in_processes(
    batches: Iterable[list[str]], tokenizer: TreebankTokenizer, processes: int | None = None
) -> Generator[TokenizedTexts]:
    """Yields texts, tokenized, in their order.

    Args:
        batches: read no further ahead than the processes have work for.
        tokenizer: of the tokens.
        processes: how many, this one among them, which doesn't wait until the others have started;
            None for one a processor.
    """
    with ExitStack() as stack:
        yield from _Shared(
            iter(batches), tokenizer, _start(_count(processes) - 1, tokenizer, stack)
        )


class _Shared:
    """Batches that this process and others tokenize, each as many as it gets done."""

    def __init__(
        self, batches: Iterator[list[str]], tokenizer: TreebankTokenizer, workers: list[Worker]
    ) -> None:
        self._batches, self._tokenizer = batches, tokenizer
        # What each is at work on; None before it has started.
        self._at: dict[Worker, _Job | None] = dict.fromkeys(workers)
        self._free: list[Worker] = []
        # In order; what is done waits for what is before it.
        self._jobs: deque[_Job] = deque()
        self._most = 2 * _TOGETHER * (1 + len(workers))

    def __iter__(self) -> Iterator[TokenizedTexts]:
        while True:
            self._collect()
            while self._free and (texts := self._take(_TOGETHER)):
                worker = self._free.pop()
                worker.send(texts)
                self._at[worker] = job = _Job(texts)
                self._jobs.append(job)
            done = self._jobs[0].done if self._jobs else None
            if done is not None:
                self._jobs.popleft()
                yield done
            elif texts := self._take(1):
                self._jobs.append(_Job(texts, TokenizedTexts.of(texts, self._tokenizer)))
            elif self._jobs:
                self._receive(next(w for w, job in self._at.items() if job is self._jobs[0]))
            else:
                return

    def _take(self, batches: int) -> list[str]:
        """The texts of the next batches; none if there are no more, or too many are done."""
        texts: list[str] = []
        if len(self._jobs) < self._most:
            while not texts and (read := list(islice(self._batches, batches))):
                texts = [text for batch in read for text in batch]
        return texts

    def _collect(self) -> None:
        for worker in list(self._at):
            if worker not in self._free and worker.has_answered():
                self._receive(worker)

    def _receive(self, worker: Worker) -> None:
        """Takes a worker's answer, for which it may have to wait."""
        job = self._at[worker]
        answered = worker.receive()
        if job is None:
            alive = answered == _READY
        else:
            job.done = _tokenized(answered)
            alive = job.done is not None
            if job.done is None:
                # It may have been killed, for its memory or by hand.
                job.done = TokenizedTexts.of(job.texts, self._tokenizer)
        if alive:
            self._free.append(worker)
        else:
            del self._at[worker]


@dataclass
class _Job:
    """Some texts, and what was made of them."""

    texts: list[str]
    done: TokenizedTexts | None = None


def serve() -> None:
    """What a worker does: it tokenizes the batches that come until there are no more."""
    coming = requests()
    keep_break_tags, lowercase = next(coming)
    tokenizer = TreebankTokenizer(keep_break_tags=keep_break_tags, lowercase=lowercase)
    answer(_READY)
    for batch in coming:
        done = TokenizedTexts.of(batch, tokenizer)
        answer([done.vocabulary, done.numbers.tobytes(), done.lengths.tobytes()])


def _count(processes: int | None) -> int:
    """How many processes there are to be."""
    if processes is not None:
        return processes
    return count_processors() if can_start_workers() else 1


def _start(count: int, tokenizer: TreebankTokenizer, stack: ExitStack) -> list[Worker]:
    workers: list[Worker] = []
    # As many as the system allows.
    with suppress(OSError):
        for _ in range(count):
            worker = Worker("sentiment_rnn.preprocessing.workers")
            stack.callback(worker.stop)
            workers.append(worker)
    # Only then, since what is sent waits until the worker has started.
    for worker in workers:
        worker.send([tokenizer.keep_break_tags, tokenizer.lowercase])
    return workers


def _tokenized(answered: Any) -> TokenizedTexts | None:
    """What a worker has made of a batch; None if it is gone, or something else than Python."""
    try:
        vocabulary, numbers, lengths = answered
        done = np.frombuffer(numbers, np.int32), np.frombuffer(lengths, np.int64)
    except (ValueError, TypeError):
        return None
    return TokenizedTexts(vocabulary, *done)
