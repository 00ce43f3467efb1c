"""Sentiment classification of text with recurrent networks, and character language models.

``text → tokens → ids → padded ids → vectors → recurrent network → probability``: the rooms
`datasets`, `preprocessing`, `architectures`, `training` and `persistence` each hold one part of
the way, and `SentimentClassifier` joins them. `CharLanguageModel` does so for networks that write.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentiment_rnn.characters import CharLanguageModel
    from sentiment_rnn.datasets import Reviews, load_imdb, load_table
    from sentiment_rnn.prediction import Prediction
    from sentiment_rnn.preprocessing import WordVectors
    from sentiment_rnn.sentiment import SentimentClassifier

_HOMES = {
    "CharLanguageModel": "sentiment_rnn.characters",
    "Prediction": "sentiment_rnn.prediction",
    "Reviews": "sentiment_rnn.datasets",
    "SentimentClassifier": "sentiment_rnn.sentiment",
    "WordVectors": "sentiment_rnn.preprocessing",
    "load_imdb": "sentiment_rnn.datasets",
    "load_table": "sentiment_rnn.datasets",
}

__all__ = [
    "CharLanguageModel",
    "Prediction",
    "Reviews",
    "SentimentClassifier",
    "WordVectors",
    "load_imdb",
    "load_table",
]


def __getattr__(name: str) -> object:
    # Names are imported when they are used: `--help` needs none of the libraries behind them.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("sentiment_rnn")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
