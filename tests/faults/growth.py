"""How the time for a text grows with its length: it should double when that doubles.

``python -m tests.faults.growth`` prints a table: for each kind of text, the processor's seconds for
a megabyte, and by how much they grew at the last three doublings, at worst. No test looks at it:
time is not for passing or failing.
"""

import time
from collections.abc import Callable, Iterable
from itertools import pairwise

from sentiment_rnn.preprocessing import TreebankTokenizer
from tests.faults.texts import runs

LENGTHS = [1 << power for power in (17, 18, 19, 20)]
REPEATS = 3


def seconds(work: Callable[[], object]) -> float:
    """The least of a few tries: others share the processor."""
    least = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        least = min(least, time.process_time() - start)
    return least


def ways(text: str) -> Iterable[tuple[str, Callable[[], object]]]:
    tokenizer = TreebankTokenizer()
    pieces = [text[start : start + 4096] for start in range(0, len(text), 4096)]
    yield "tokenize", lambda: tokenizer.tokenize(text)
    yield "span_tokenize", lambda: tokenizer.span_tokenize(text)
    # A stream has white space somewhere; what has none is refused.
    if any(map(str.isspace, text[:1000])):
        yield "tokenize_stream", lambda: sum(map(len, tokenizer.tokenize_stream(pieces)))


def main() -> None:
    names = list(runs(1))
    texts = [runs(length) for length in LENGTHS]
    print("| text | way | seconds for 1 MB | worst ratio of a doubling |\n|---|---|---|---|")
    for name in names:
        found: dict[str, list[float]] = {}
        for of_length in texts:
            for way, work in ways(of_length[name]):
                found.setdefault(way, []).append(seconds(work))
        for way, times in found.items():
            ratios = [after / before for before, after in pairwise(times)]
            print(f"| {name} | {way} | {times[-1]:.2f} | {max(ratios):.2f} |", flush=True)


if __name__ == "__main__":
    main()
