import asyncio
import threading

import pytest

from sentiment_rnn.prediction import Prediction
from sentiment_rnn.serving.batching import Batcher, BusyError


class Slow:
    """A classifier that answers when it is let go, and notes what it was asked together."""

    def __init__(self):
        self.batches = []
        self.go = threading.Semaphore(0)
        self.fails = False

    def predictions(self, texts):
        self.batches.append(list(texts))
        self.go.acquire(timeout=10)
        if self.fails:
            raise RuntimeError("broken")
        return [
            Prediction(text, "positive", (1 - len(text) / 10, len(text) / 10), False)
            for text in texts
        ]

    def explanations(self, texts, *, method):
        self.batches.append([*texts, method])
        self.go.acquire(timeout=10)
        return [f"why {text}" for text in texts]


def used(*, batch_texts=4, most_waiting=8, observe=lambda texts: None):
    """Runs a coroutine function with a batcher at work."""

    def run(use):
        async def main():
            slow = Slow()
            batcher = Batcher(
                slow, batch_texts=batch_texts, most_waiting=most_waiting, observe=observe
            )
            task = asyncio.create_task(batcher.run())
            try:
                async with asyncio.timeout(20):
                    await use(batcher, slow)
                assert batcher.waiting == 0
            finally:
                slow.go.release(99)
                task.cancel()

        asyncio.run(main())

    return run


async def started(slow, batches):
    while len(slow.batches) < batches:
        await asyncio.sleep(0.001)


def test_what_comes_while_a_batch_is_read_is_read_together():
    sizes: list[int] = []

    async def use(batcher, slow):
        asked = [asyncio.create_task(batcher.predictions(["a"]))]
        await started(slow, 1)
        asked += [
            asyncio.create_task(batcher.predictions(texts))
            for texts in (["bb", "ccc"], ["d"], ["ee", "f"])
        ]
        await asyncio.sleep(0.01)
        assert batcher.waiting == 6
        slow.go.release(9)
        answers = await asyncio.gather(*asked)
        # Each gets its own, in order; and no more than four texts are read together.
        texts = [[one.text for one in answer] for answer in answers]
        assert texts == [["a"], ["bb", "ccc"], ["d"], ["ee", "f"]]
        assert slow.batches == [["a"], ["bb", "ccc", "d"], ["ee", "f"]]

    used(observe=sizes.append)(use)
    assert sizes == [1, 3, 2]


def test_a_request_is_not_cut():
    async def use(batcher, slow):
        slow.go.release(9)
        assert len(await batcher.predictions(["a"] * 7)) == 7
        assert slow.batches == [["a"] * 7]

    used()(use)


def test_an_explanation_is_on_its_own():
    async def use(batcher, slow):
        asked = [asyncio.create_task(batcher.predictions(["a"]))]
        await started(slow, 1)
        asked.append(asyncio.create_task(batcher.predictions(["b"])))
        await asyncio.sleep(0)
        explained = asyncio.create_task(batcher.explanation("c", "occlusion"))
        await asyncio.sleep(0)
        asked.append(asyncio.create_task(batcher.predictions(["d"])))
        await asyncio.sleep(0)
        slow.go.release(9)
        await asyncio.gather(*asked)
        assert await explained == "why c"
        assert slow.batches == [["a"], ["b"], ["c", "occlusion"], ["d"]]

    used()(use)


def test_with_no_room_a_request_is_sent_away_and_later_not():
    async def use(batcher, slow):
        first = asyncio.create_task(batcher.predictions(["a"] * 3))
        await started(slow, 1)
        second = asyncio.create_task(batcher.predictions(["b"] * 5))
        await asyncio.sleep(0)
        for ask in (batcher.predictions(["c"]), batcher.explanation("c", "gradient")):
            with pytest.raises(BusyError, match="8 texts wait already"):
                await ask
        slow.go.release(9)
        await asyncio.gather(first, second)
        assert len(await batcher.predictions(["c"] * 8)) == 8

    used()(use)


def test_what_nobody_waits_for_is_not_read():
    async def use(batcher, slow):
        first = asyncio.create_task(batcher.predictions(["a"]))
        await started(slow, 1)
        gone = asyncio.create_task(batcher.predictions(["b"]))
        last = asyncio.create_task(batcher.predictions(["c"]))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        assert batcher.waiting == 2
        slow.go.release(9)
        await asyncio.gather(first, last)
        assert slow.batches == [["a"], ["c"]]

    used()(use)


def test_who_leaves_while_a_text_is_read_stops_nobody_else():
    async def use(batcher, slow):
        first = asyncio.create_task(batcher.predictions(["a"]))
        await started(slow, 1)
        first.cancel()
        last = asyncio.create_task(batcher.predictions(["c"]))
        await asyncio.sleep(0)
        slow.go.release(9)
        assert [one.text for one in await last] == ["c"]

    used()(use)


def test_an_error_is_told_to_all_who_asked_and_the_next_are_answered():
    async def use(batcher, slow):
        slow.fails = True
        slow.go.release(1)
        with pytest.raises(RuntimeError, match="broken"):
            await batcher.predictions(["a"])
        slow.fails = False
        slow.go.release(1)
        assert len(await batcher.predictions(["a"])) == 1

    used()(use)
