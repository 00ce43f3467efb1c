"""What a classifier says of a text, and what each token has to do with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from sentiment_rnn.errors import ModelError


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one text.

    Args:
        text: the text; of a document that came in pieces, what it is called.
        label: name of the likeliest class.
        probabilities: of each class.
        truncated: whether the text is longer than the model reads.
        known: whether the model knows any word of the text. Of all others it says the same.
    """

    text: str
    label: str
    probabilities: tuple[float, ...]
    truncated: bool
    known: bool = field(default=True, kw_only=True)

    @property
    def probability(self) -> float:
        """That of the positive class; of more than two classes, that of the likeliest."""
        return self.probabilities[1] if len(self.probabilities) == 2 else max(self.probabilities)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON has it, with six digits of a probability.

        Example:
            >>> Prediction("Dull.", "negative", (0.87654321, 0.12345679), False).as_dict()
            {'text': 'Dull.', 'label': 'negative', 'probability': 0.123457, 'truncated': False}
            >>> Prediction("Dull.", "2", (0.2, 0.7, 0.1), False).as_dict()["probabilities"]
            [0.2, 0.7, 0.1]
        """
        if len(self.probabilities) == 2:
            said: dict[str, Any] = {"probability": round(self.probability, 6)}
        else:
            said = {"probabilities": [round(one, 6) for one in self.probabilities]}
        return {"text": self.text, "label": self.label, **said, "truncated": self.truncated}


class TokenExplanation(NamedTuple):
    """What one token has to do with what a classifier says.

    Args:
        token: as the model reads it.
        start: the character of the text that it begins with, from 0.
        end: the character behind it.
        probability: of the class that is explained, of the text up to and with this token.
        contribution: by how much it raises the log odds of that class, or lowers them; None of a
            token that the model doesn't read, because it doesn't know it or the text is cut.
    """

    token: str
    start: int
    end: int
    probability: float
    contribution: float | None


@dataclass(frozen=True)
class Explanation(Prediction):
    """What a classifier says of one text, and why.

    Of two classes the positive one is explained; of more, the likeliest against all others.

    Args:
        class_names: what the classes are called, in the order of the probabilities.
        classes: what speaks against the class that is explained is for, and that class.
        before: the probability of the class before the first token is read.
        tokens: all tokens of the text, in order.
        states: of each token the outputs of the last recurrent layer at it, floats ``(tokens,
            units)``; of one that isn't read those before it, or zeros.
    """

    class_names: tuple[str, ...]
    classes: tuple[str, str]
    before: float
    tokens: list[TokenExplanation]
    states: np.ndarray

    def by_character(self, neuron: int) -> np.ndarray:
        """What a neuron says at each character of the text, as `plot_cell` takes it.

        From the beginning of a token on it is its output at that token, until the next one.

        Args:
            neuron: its number, from 0.

        Returns:
            Floats ``(characters,)``; zeros before the first token.

        Example:
            >>> from sentiment_rnn import SentimentClassifier
            >>> (found,) = SentimentClassifier.load("textbook").explanations(["Dull? Yes!"])
            >>> values = found.by_character(7)
            >>> len(values), bool((values[6:9] == found.states[2, 7]).all())
            (10, True)
        """
        values = np.zeros(len(self.text), self.states.dtype)
        for token, state in zip(self.tokens, self.states, strict=True):
            values[token.start :] = state[neuron]
        return values

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON has it, but for the states."""
        return {
            **super().as_dict(),
            "class_names": list(self.class_names),
            "classes": list(self.classes),
            "before": round(self.before, 6),
            "tokens": [
                {
                    **token._asdict(),
                    "probability": round(token.probability, 6),
                    "contribution": token.contribution and round(token.contribution, 6),
                }
                for token in self.tokens
            ],
        }


def class_probabilities(outputs: np.ndarray) -> np.ndarray:
    """What a network gives, with a column for each class.

    Args:
        outputs: of a sigmoid ``(texts, 1)``, or of a softmax ``(texts, classes)``.

    Returns:
        float64 ``(texts, classes)``, of which each row adds up to 1.

    Raises:
        ModelError: if they are no numbers, as of weights that are too large.

    Example:
        >>> class_probabilities(np.array([[0.25]]))
        array([[0.75, 0.25]])
    """
    if not np.isfinite(outputs).all():
        raise ModelError(
            "Expected probabilities. Received what is no number: the model's weights are too large."
        )
    outputs = outputs.astype(np.float64)
    if outputs.shape[1] == 1:
        return np.hstack([1 - outputs, outputs])
    return outputs / outputs.sum(axis=1, keepdims=True)
