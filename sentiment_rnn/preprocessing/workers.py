"""Processes that tokenize for this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from contextlib import ExitStack, suppress

import numpy as np

from sentiment_rnn._processes import Worker, answer, can_start_workers, requests
from sentiment_rnn.preprocessing.tokenized import TokenizedTexts
from sentiment_rnn.preprocessing.tokenizer import TreebankTokenizer


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
        waiting: deque[tuple[Worker, list[str]]] = deque()
        for worker, batch in zip(workers, batches, strict=False):
            worker.send(batch)
            waiting.append((worker, batch))
        while waiting:
            worker, batch = waiting.popleft()
            done = _receive_tokenized(worker)
            following = next(batches, None)
            if following is not None:
                worker.send(following)
                waiting.append((worker, following))
            # A worker may have been killed, for its memory or by hand.
            yield TokenizedTexts.of(batch, tokenizer) if done is None else done
        for batch in batches:
            yield TokenizedTexts.of(batch, tokenizer)


def serve() -> None:
    """What a worker does: it tokenizes the batches that come until there are no more."""
    coming = requests()
    keep_break_tags, lowercase = next(coming)
    tokenizer = TreebankTokenizer(keep_break_tags=keep_break_tags, lowercase=lowercase)
    for batch in coming:
        done = TokenizedTexts.of(batch, tokenizer)
        answer([done.vocabulary, done.numbers.tobytes(), done.lengths.tobytes()])


def _count(processes: int | None) -> int:
    """How many workers to start."""
    if processes is None:
        # Here, because that room imports from this one.
        from sentiment_rnn.numpy_rnn.threads import count_processors

        processes = count_processors() if can_start_workers() else 1
    return processes if processes > 1 else 0


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


def _receive_tokenized(worker: Worker) -> TokenizedTexts | None:
    """What a worker has made of a batch; None if it is gone, or something else than Python."""
    try:
        vocabulary, numbers, lengths = worker.receive()
        done = np.frombuffer(numbers, np.int32), np.frombuffer(lengths, np.int64)
    except (ValueError, TypeError):
        return None
    return TokenizedTexts(vocabulary, *done)
