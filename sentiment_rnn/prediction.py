"""What a classifier says of a text, and what each token has to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one text.

    Args:
        text: the text; of a document that came in pieces, what it is called.
        label: name of the likelier class.
        probability: of the positive class.
        truncated: whether the text is longer than the model reads.
    """

    text: str
    label: str
    probability: float
    truncated: bool

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON has it, with six digits of the probability.

        Example:
            >>> Prediction("Dull.", "negative", 0.12345678, False).as_dict()
            {'text': 'Dull.', 'label': 'negative', 'probability': 0.123457, 'truncated': False}
        """
        return {
            "text": self.text,
            "label": self.label,
            "probability": round(self.probability, 6),
            "truncated": self.truncated,
        }


class TokenExplanation(NamedTuple):
    """What one token has to do with what a classifier says.

    Args:
        token: as the model reads it.
        start: the character of the text that it begins with, from 0.
        end: the character behind it.
        probability: of the positive class, of the text up to and with this token.
        contribution: by how much it raises the log odds of the positive class, or lowers them; None
            of a token that the model doesn't read, because it doesn't know it or the text is cut.
    """

    token: str
    start: int
    end: int
    probability: float
    contribution: float | None


@dataclass(frozen=True)
class Explanation(Prediction):
    """What a classifier says of one text, and why.

    Args:
        before: the probability of the positive class before the first token is read.
        tokens: all tokens of the text, in order.
        states: of each token the outputs of the last recurrent layer at it, floats ``(tokens,
            units)``; of one that isn't read those before it, or zeros.
    """

    before: float
    tokens: list[TokenExplanation]
    states: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON has it, but for the states."""
        return {
            **super().as_dict(),
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
