"""How the time for a text grows with its length: it should double when that doubles.

``python -m tests.faults.growth [KIND…]`` prints a table: for each kind of text, the processor's
seconds for a megabyte, and by how much they grew at the last three doublings, at worst. No test
looks at it: time is not for passing or failing.
"""

import sys
import time
from collections.abc import Callable, Iterable
from itertools import pairwise

from sentiment_rnn.preprocessing import TreebankTokenizer
from tests.faults.texts import runs

LENGTHS = [1 << power for power in (17, 18, 19, 20)]
ROUNDS = 3
# Where a ratio is above what was asked for, it may be that others slowed the longer texts down.
# More rounds bring the times down to those of the processor alone, whatever the ratio is then.
MOST_ROUNDS = 20
ASKED = 2.5


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def ways(text: str) -> Iterable[tuple[str, Callable[[], object]]]:
    tokenizer = TreebankTokenizer()
    pieces = [text[start : start + 4096] for start in range(0, len(text), 4096)]
    yield "tokenize", lambda: tokenizer.tokenize(text)
    yield "span_tokenize", lambda: tokenizer.span_tokenize(text)
    # A stream has white space somewhere; what has none is refused.
    if any(map(str.isspace, text[:1000])):
        yield "tokenize_stream", lambda: sum(map(len, tokenizer.tokenize_stream(pieces)))


def worst(times: list[float]) -> float:
    return max(after / before for before, after in pairwise(times))


def least_times(texts: list[str]) -> dict[str, list[float]]:
    """By way, the seconds for each text: the least of all rounds."""
    found: dict[str, list[float]] = {}
    for number in range(MOST_ROUNDS):
        if number >= ROUNDS and all(worst(times) < ASKED for times in found.values()):
            break
        for place, text in enumerate(texts):
            for way, work in ways(text):
                times = found.setdefault(way, [float("inf")] * len(texts))
                times[place] = min(times[place], seconds(work))
    return found


def main() -> None:
    names = sys.argv[1:] or list(runs(100))
    texts = [runs(length) for length in LENGTHS]
    print("| text | way | seconds for 1 MB | worst ratio of a doubling |\n|---|---|---|---|")
    for name in names:
        for way, times in least_times([text[name] for text in texts]).items():
            print(f"| {name} | {way} | {times[-1]:.2f} | {worst(times):.2f} |", flush=True)


if __name__ == "__main__":
    main()
