"""The texts of many requests, predicted together.

A network reads a batch in hardly more time than a text. So while one batch is read, the requests
that come wait for the next: nobody waits for a batch to fill, and the more requests come, the
larger the batches get.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from sentiment_rnn.prediction import Explanation, Prediction


class Classifier(Protocol):
    """What a `SentimentClassifier` is asked for here."""

    def predictions(self, texts: Sequence[str]) -> list[Prediction]:
        """What it says of each text."""

    def explanations(self, texts: Sequence[str], *, method: str) -> list[Explanation]:
        """And why."""


class BusyError(Exception):
    """So many texts wait already that there is no room for more."""


@dataclass(frozen=True)
class _Job:
    """Texts that somebody waits for the answer on; with a method, to be explained."""

    texts: Sequence[str]
    method: str | None
    done: asyncio.Future[Any]


class Batcher:
    """A classifier that many ask at the same time.

    Args:
        classifier: what answers, in a thread of its own.
        batch_texts: texts that are predicted at a time, at least; a request is not cut.
        most_waiting: texts that may wait, those being read among them.
        observe: is told the number of texts of each batch.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        batch_texts: int,
        most_waiting: int,
        observe: Callable[[int], object] = lambda texts: None,
    ) -> None:
        self._classifier = classifier
        self._batch_texts, self._most_waiting = batch_texts, most_waiting
        self._observe = observe
        self._jobs: deque[_Job] = deque()
        self._arrived = asyncio.Event()
        # Texts that were asked for and not answered yet.
        self.waiting = 0

    async def predictions(self, texts: Sequence[str]) -> list[Prediction]:
        """As the classifier's.

        Raises:
            BusyError: if there is no room.
        """
        return await self._ask(texts, None)

    async def explanation(self, text: str, method: str) -> Explanation:
        """As the classifier's, of one text.

        Raises:
            BusyError: if there is no room.
        """
        (found,) = await self._ask([text], method)
        return found

    async def _ask(self, texts: Sequence[str], method: str | None) -> Any:
        if self.waiting + len(texts) > self._most_waiting:
            raise BusyError(f"{self.waiting} texts wait already")
        job = _Job(texts, method, asyncio.get_running_loop().create_future())
        self.waiting += len(texts)
        self._jobs.append(job)
        self._arrived.set()
        try:
            return await job.done
        finally:
            self.waiting -= len(texts)

    async def run(self) -> None:
        """Answers until it is cancelled; what is being read then is answered first."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="predictions") as pool:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while jobs := self._next_jobs():
                    try:
                        found = await loop.run_in_executor(pool, self._answer, jobs)
                    except Exception as error:  # noqa: BLE001 - whoever asked is told
                        for job in jobs:
                            if not job.done.done():
                                job.done.set_exception(error)
                        continue
                    for job, answer in zip(jobs, found, strict=True):
                        if not job.done.done():
                            job.done.set_result(answer)

    def _next_jobs(self) -> list[_Job]:
        """The next explanation, or as many predictions as make a batch."""
        jobs: list[_Job] = []
        texts = 0
        while self._jobs:
            job = self._jobs[0]
            # Who asked for it may have gone.
            if job.done.done():
                self._jobs.popleft()
                continue
            if jobs and (job.method is not None or texts + len(job.texts) > self._batch_texts):
                break
            jobs.append(self._jobs.popleft())
            texts += len(job.texts)
            if job.method is not None:
                break
        return jobs

    def _answer(self, jobs: Sequence[_Job]) -> list[list[Any]]:
        texts = [text for job in jobs for text in job.texts]
        method = jobs[0].method
        if method is not None:
            return [self._classifier.explanations(texts, method=method)]
        self._observe(len(texts))
        found = iter(self._classifier.predictions(texts))
        return [[next(found) for _ in job.texts] for job in jobs]
