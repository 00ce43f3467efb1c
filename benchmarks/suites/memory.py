"""Peak memory of whole processes, as the number of reviews grows.

Where a process has others work for it, it is the memory of the largest one.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.measuring import Call, Comparison, Result, Side
from benchmarks.networks import FEATURES, MAXLEN
from benchmarks.settings import Settings
from benchmarks.suites.training import keras_from_texts, numpy_from_texts, textbook_from_texts
from benchmarks.worker import PEAK, run_command

MANY = 100_000_000


def comparisons(settings: Settings) -> list[Comparison]:
    return [_prediction(settings), _training(settings)]


def _prediction(settings: Settings) -> Comparison:
    """A file is a stream, whose length should not matter."""
    # What the tokenizer remembers grows up to a bound, which some 50,000 reviews reach.
    counts = settings.size((1000, 10_000, 50_000, 200_000), (200, 2000))

    def predict(count: int) -> Call:
        texts = settings.reviews("test", min(count, 10_000)).texts
        source = Path(settings.folder) / f"lines-{count}.txt"
        with source.open("w", encoding="utf-8") as file:
            for text in itertools.islice(itertools.cycle(texts), count):
                file.write(" ".join(text.split()) + "\n")
        target = source.with_suffix(".jsonl")
        command = [sys.executable, "-m", "sentiment_rnn", "predict", "--format", "jsonl"]
        command += ["--input", str(source), "--output", str(target)]
        return functools.partial(run_command, command)

    def meaning(result: Result) -> str:
        (fewer, before), (more, after) = result.points()["this package"][-2:]
        growth = max(0.0, after - before) / (more - fewer)
        return (
            f"From {fewer:,.0f} to {more:,.0f} reviews it grows by {after - before:.0f} MB. If it "
            f"went on so, {MANY:,} would take {(after + growth * (MANY - more)) / 1e3:,.1f} GB."
        )

    return Comparison(
        "predicting a file",
        "`sentiment-rnn predict --input FILE`, from start to end, of larger and larger files",
        [
            Side(f"{count:,} reviews", functools.partial(predict, count), line=line, at=count)
            for line in ["this package"]
            for count in counts
        ],
        variable="reviews",
        figure=PEAK,
        rounds=2,
        warm_up=False,
        meaning=meaning,
    )


def _training(settings: Settings) -> Comparison:
    counts = settings.size((500, 1000, 2000, 4000), (24, 48))
    numpy, keras, textbook = (
        functools.partial(way, settings)
        for way in (numpy_from_texts, keras_from_texts, textbook_from_texts)
    )
    few = settings.size(counts, counts[:1])
    lines: dict[str, tuple[Callable[[int], Call], tuple[str, ...], Sequence[int]]] = {
        "this package, NumPy engine": (numpy, (), counts),
        "Keras, from ids": (keras, ("tensorflow",), few),
        "the textbook's way": (textbook, ("tensorflow", "nltk", "gensim"), few),
    }

    def meaning(result: Result) -> str:
        parts = []
        for line, sides in result.lines().items():
            first, last = sides[0], sides[-1]
            if first is last:
                continue
            assert first.at is not None
            assert last.at is not None
            more = max(0.0, last.figures[PEAK] - first.figures[PEAK])
            kilobytes = 1e3 * more / (last.at - first.at)
            parts.append(f"{line} {kilobytes:,.0f} kB ({kilobytes * MANY / 1e9:,.1f} TB)")
        ids, floats = MAXLEN * 4 / 1e3, MAXLEN * FEATURES * 8 / 1e3
        return (
            f"Each review more takes, and {MANY:,} would: {'; '.join(parts)}. The ids of a review "
            f"take {ids:.1f} kB, the textbook's floats {floats:,.0f} kB."
        )

    return Comparison(
        "training from texts",
        "peak memory of a new process (the largest, if it starts others) that makes the inputs and "
        "trains for an epoch",
        [
            Side(
                f"{line}, {count:,} reviews",
                functools.partial(prepare, count),
                needs,
                process="fresh",
                line=line,
                at=count,
            )
            for line, (prepare, needs, places) in lines.items()
            for count in places
        ],
        variable="reviews",
        figure=PEAK,
        rounds=1,
        warm_up=False,
        meaning=meaning,
    )
