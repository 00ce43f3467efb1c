"""Measures the tokenizer beside nltk's, which it must equal, on one core.

    python -m benchmarks.tokenizer --data ../shared/data/aclImdb_v1.tar.gz

Cold is a tokenizer that has seen no text, warm one that has just seen these. Rounds alternate, so
that a busy machine slows all of them; the ratio is the median of the ratios within a round.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nltk.tokenize import TreebankWordTokenizer

from sentiment_rnn import load_imdb
from sentiment_rnn.preprocessing import TreebankTokenizer, tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/aclImdb_v1.tar.gz"))
    parser.add_argument("--reviews", type=int, default=25_000, help="how many training reviews")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    train, _ = load_imdb(options.data)
    # Positive reviews follow the negative ones: a part takes of both.
    texts = train.texts[:: max(1, len(train.texts) // options.reviews)][: options.reviews]
    nltk = TreebankWordTokenizer()
    ours = TreebankTokenizer(keep_break_tags=True)

    seconds: dict[str, list[float]] = {"nltk": [], "cold": [], "warm": []}
    for _ in range(options.rounds):
        taken, tokens = measure(nltk.tokenize, texts)
        seconds["nltk"].append(taken)
        tokenizer._tokens_of_chunks.clear()
        for name in ("cold", "warm"):
            taken, count = measure(ours.tokenize, texts)
            seconds[name].append(taken)
            assert count == tokens, f"{count} tokens instead of {tokens}"

    print(f"{len(texts)} reviews, {tokens} tokens, {options.rounds} rounds")
    print("| tokenizer | seconds | tokens/s | times as fast as nltk |")
    print("|---|---|---|---|")
    for name, times in seconds.items():
        median = statistics.median(times)
        ratio = statistics.median(a / b for a, b in zip(seconds["nltk"], times, strict=True))
        print(f"| {name} | {median:.2f} | {tokens / median:,.0f} | {ratio:.1f} |")


def measure(tokenize: Callable[[str], list[str]], texts: Sequence[str]) -> tuple[float, int]:
    """Seconds, and the number of tokens."""
    start = time.perf_counter()
    tokens = sum(len(tokenize(text)) for text in texts)
    return time.perf_counter() - start, tokens


if __name__ == "__main__":
    main()
