"""One page that shows why a classifier says what it says of some texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sentiment_rnn import _pages
from sentiment_rnn._pages import whole
from sentiment_rnn.prediction import Explanation

Array = np.ndarray

# Neurons of a text that are shown.
NEURONS = 5


def write_page(path: Path, explanations: Sequence[Explanation], *, title: str) -> None:
    """Writes a web page: texts shaded by what each token adds, and the verdict as it is reached.

    Over each text runs the probability of the explained class as the model reads on. The text can
    be coloured by a neuron instead: by those whose outputs follow the verdict most closely.

    The page needs no other file and no network.

    Args:
        path: the file to write, or to replace.
        explanations: of the texts, at least one.
        title: what the page is called.

    Raises:
        ValueError: if there is no text.
        ResourceError: if the file can't be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from sentiment_rnn import SentimentClassifier
        >>> classifier = SentimentClassifier.load("textbook")
        >>> found = classifier.explanations(["A dull start, a wonderful end."])
        >>> with TemporaryDirectory() as folder:
        ...     page = Path(folder) / "page.html"
        ...     write_page(page, found, title="Two halves")
        ...     "<title>Two halves</title>" in page.read_text(encoding="utf-8")
        True
    """
    if not explanations:
        raise ValueError("Expected at least one text to show. Received: none")
    data = {"texts": [page_text(explanation) for explanation in explanations]}
    _pages.write_page(path, "explanation.html", title=title, data=data)


def following_neurons(explanation: Explanation, count: int = NEURONS) -> list[tuple[int, float]]:
    """The neurons whose outputs follow the verdict most closely while a text is read.

    Args:
        explanation: of the text.
        count: how many neurons.

    Returns:
        Their numbers, from 0, each with the correlation of its output with the log odds of the
        explained class, the strongest first. There is none where fewer than three tokens are read,
        or nothing changes.

    Example:
        >>> from sentiment_rnn import SentimentClassifier
        >>> classifier = SentimentClassifier.load("textbook")
        >>> (found,) = classifier.explanations(["A dull start, a wonderful end."])
        >>> [(neuron, correlation)] = following_neurons(found, count=1)
        >>> 0 <= neuron < 50, abs(correlation) > 0.8
        (True, True)
    """
    read = [
        place for place, token in enumerate(explanation.tokens) if token.contribution is not None
    ]
    if len(read) < 3:
        return []
    probabilities = np.array([explanation.tokens[place].probability for place in read])
    tiny = np.finfo(np.float64).tiny
    odds = np.log(np.maximum(probabilities, tiny)) - np.log(np.maximum(1 - probabilities, tiny))
    outputs = explanation.states[read].astype(np.float64)
    odds, outputs = odds - odds.mean(), outputs - outputs.mean(axis=0)
    lengths = np.linalg.norm(outputs, axis=0) * np.linalg.norm(odds)
    correlations = np.divide(
        odds @ outputs, lengths, out=np.zeros(len(lengths)), where=lengths > 1e-9
    )
    best = np.argsort(-np.abs(correlations), kind="stable")[:count]
    return [(int(one), float(correlations[one])) for one in best if correlations[one]]


def page_text(explanation: Explanation) -> dict[str, object]:
    """What the page's script takes of a text, of JSON's types and without half surrogate pairs."""
    found = explanation.as_dict()
    return {
        **found,
        "text": whole(explanation.text),
        "label": whole(explanation.label),
        "probability": round(explanation.probability, 6),
        "probabilities": [round(one, 6) for one in explanation.probabilities],
        "class_names": [whole(name) for name in explanation.class_names],
        "classes": [whole(name) for name in explanation.classes],
        "tokens": [{**token, "token": whole(token["token"])} for token in found["tokens"]],
        "neurons": [
            {
                "number": number,
                "correlation": round(correlation, 3),
                "outputs": [round(float(one), 3) for one in explanation.states[:, number]],
            }
            for number, correlation in following_neurons(explanation)
        ],
    }
