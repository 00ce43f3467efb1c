"""What a classifier says of a text."""

from dataclasses import dataclass


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
