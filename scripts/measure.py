"""Measures a model for its card: ``python -m scripts.measure models/distilled``.

On the test reviews, by their length too, and on the short sentences of `tests/short_sentences.csv`,
which no model has seen: of films, with a negation, and of other things. With ``--round`` the model
is made smaller first: its word vectors are rounded to 8 bits and its weights to 16. Then it is also
measured on the reviews that validated it, as what ships is what the card is of.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.settings import default_data
from sentiment_rnn import SentimentClassifier
from sentiment_rnn.datasets import Reviews, load_data
from sentiment_rnn.errors import DataError, SentimentRNNError, UsageError
from sentiment_rnn.preprocessing import Preprocessor
from sentiment_rnn.training.splits import validation_split

SENTENCES = Path(__file__).parents[1] / "tests" / "short_sentences.csv"
_PARTS = {
    "film": "short sentences on films",
    "negation": "short sentences with a negation",
    "other": "short sentences on other things",
}


def read_sentences(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Reads sentences, whether each praises ``(sentences,)`` and of what kind it is.

    Example:
        >>> sentences, labels, kinds = read_sentences(SENTENCES)
        >>> len(sentences), int(labels.sum()), sorted(set(kinds.tolist()))
        (120, 60, ['film', 'negation', 'other'])
    """
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([row["label"] == "positive" for row in rows], int)
    return [row["text"] for row in rows], labels, np.array([row["kind"] for row in rows])


def measure(classifier: SentimentClassifier, test: Reviews) -> dict[str, Any]:
    """The scores of a model on the test reviews and on short sentences.

    Args:
        classifier: of the classes 0 and 1.
        test: reviews that it hasn't learned from.

    Returns:
        Scores of `SentimentClassifier.evaluate` by the name of the part.
    """
    scores = {"test": classifier.evaluate(test.texts, test.labels)}
    sentences, labels, kinds = read_sentences(SENTENCES)
    for kind, part in _PARTS.items():
        chosen = np.flatnonzero(kinds == kind)
        scores[part] = classifier.evaluate([sentences[i] for i in chosen], labels[chosen])
        # All are about as long, and too few to be timed.
        del scores[part]["accuracy_by_length"], scores[part]["texts_per_second"]
    return scores


def round_off(classifier: SentimentClassifier) -> None:
    """Rounds word vectors to 8 bits and weights to 16, in which they take a third of the room.

    Args:
        classifier: changed.

    Raises:
        UsageError: if a weight is larger than 16 bits have room for.
    """
    with np.errstate(over="ignore"):
        weights = [array.astype(np.float16).astype(np.float32) for array in classifier._weights]
    if not all(np.isfinite(array).all() for array in weights):
        raise UsageError("Expected weights of at most 65,504 in 16 bits. Received larger ones.")
    preprocessor = classifier.preprocessor
    vectors = preprocessor.word_vectors
    if vectors.scales is None:
        vectors = vectors.to_int8()
    smaller = Preprocessor(preprocessor.config, vectors)
    classifier._set_model(classifier._network, weights, smaller)


def validated(classifier: SentimentClassifier, train: Reviews) -> Reviews:
    """The reviews that were held out when a model was trained.

    Args:
        classifier: trained on these reviews.
        train: all that it was trained on, those held out too.

    Raises:
        UsageError: if it was trained on others.
    """
    # What was only pretrained was trained on none.
    trained_on = classifier.provenance_.get("trained_on", {})
    if trained_on.get("fingerprint") != train.fingerprint():
        raise UsageError("The model was trained on other reviews than those of the data.")
    training = classifier.settings().training
    by_film = training.validate_by == "film"
    _, held_out = validation_split(
        train.labels,
        training.validation_fraction,
        seed=classifier.seed,
        groups=train.groups if by_film else None,
    )
    return train.select(held_out)


def rewrite(folder: Path, data: str, *, rounded: bool) -> None:
    """Measures a model, and writes its figures and its card anew.

    Args:
        folder: the model's.
        data: archive or folder of the reviews.
        rounded: whether to make the model smaller first.

    Raises:
        DataError: for data without test reviews.
        ModelError: if there is no model, or it can't be read.
        UsageError: if it can't be rounded, or was trained on other reviews.
    """
    classifier = SentimentClassifier.load(folder)
    train, test = load_data(data)
    if test is None:
        raise DataError(f"Expected reviews with a test part. Received: {data}")
    if rounded:
        round_off(classifier)
        reviews = validated(classifier, train)
        classifier.metrics_["validation"] = classifier.evaluate(reviews.texts, reviews.labels)
    classifier.metrics_ |= measure(classifier, test)
    classifier.save(folder)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.measure", description=__doc__)
    parser.add_argument("folder", type=Path, help="the model, whose metrics and card are rewritten")
    parser.add_argument("--data", default=default_data(), help="archive or folder of the reviews")
    parser.add_argument("--round", action="store_true", help="make the model smaller first")
    options = parser.parse_args()
    try:
        rewrite(options.folder, options.data, rounded=options.round)
    except SentimentRNNError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
