"""How good and how fast whole methods are.

Every method learns from the train reviews and is asked once about the test reviews. None has been
tuned here: settings are those that its authors name.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import networks
from benchmarks.machine import count_cores
from benchmarks.measuring import Call, Comparison, Side
from benchmarks.settings import Settings
from sentiment_rnn import SentimentClassifier
from sentiment_rnn.baselines import BaselineClassifier
from sentiment_rnn.preprocessing import TreebankTokenizer

# From texts and labels to a function from texts to labels.
Predict = Callable[[Sequence[str]], np.ndarray]
Method = Callable[[Sequence[str], np.ndarray], Predict]


def comparisons(settings: Settings) -> list[Comparison]:
    train, test = settings.size((25_000, 25_000), (180, 60))

    @functools.cache
    def fitted(name: str) -> tuple[Predict, float]:
        import time

        reviews = settings.reviews("train", train)
        started = time.perf_counter()
        predict = METHODS[name][0](reviews.texts, reviews.labels)
        return predict, time.perf_counter() - started

    def score(name: str) -> Call:
        def run() -> dict[str, float]:
            predict, seconds = fitted(name)
            reviews = settings.reviews("test", test)
            right = predict(reviews.texts) == reviews.labels
            return {"accuracy": float(right.mean()), "learning or loading, s": seconds}

        return run

    def speed(name: str) -> Call:
        predict, _ = fitted(name)
        texts = settings.reviews("test", few).texts

        def run() -> None:
            networks.forget_tokens()
            predict(texts)

        return run

    few = settings.size(1000, 60)
    return [
        Comparison(
            "accuracy of methods",
            f"learning from {train:,} reviews and classifying {test:,} others",
            [
                Side(name, functools.partial(score, name), needs)
                for name, (_, needs) in METHODS.items()
            ],
            rounds=1,
            warm_up=False,
            figure="accuracy",
        ),
        Comparison(
            "speed of methods",
            f"classifying {few:,} reviews, once a method has learned",
            [
                Side(name, functools.partial(speed, name), needs)
                for name, (_, needs) in METHODS.items()
            ],
            amount=few,
            unit="reviews",
        ),
    ]


def shipped(name: str) -> Method:
    """A model that comes with the package, which has learned already."""
    return lambda texts, labels: SentimentClassifier.load(name).predict


def textbook_network(texts: Sequence[str], labels: np.ndarray) -> Predict:
    return SentimentClassifier("textbook", engine="numpy").fit(texts, labels).predict


def vader(texts: Sequence[str], labels: np.ndarray) -> Predict:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    return lambda texts: np.array(
        [analyzer.polarity_scores(text)["compound"] > 0 for text in texts], int
    )


def textblob(texts: Sequence[str], labels: np.ndarray) -> Predict:
    from textblob import TextBlob

    return lambda texts: np.array([TextBlob(text).sentiment.polarity > 0 for text in texts], int)


def baseline(method: str) -> Method:
    """One of this package's, which learns from all it is given."""

    def fit(texts: Sequence[str], labels: np.ndarray) -> Predict:
        return BaselineClassifier(method).fit(texts, labels).predict

    return fit


def tfidf_words(texts: Sequence[str], labels: np.ndarray) -> Predict:
    """TF-IDF of single words, and logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(min_df=2, sublinear_tf=True)
    regression = LogisticRegression(C=10, max_iter=1000)
    return make_pipeline(vectorizer, regression).fit(texts, labels).predict


def fasttext(texts: Sequence[str], labels: np.ndarray) -> Predict:
    """Words and pairs, with the settings of fastText's tutorial."""
    import fasttext as library

    tokenizer = TreebankTokenizer(lowercase=True)

    def line(text: str) -> str:
        return " ".join(tokenizer.tokenize(text))

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        order = np.random.default_rng(0).permutation(len(texts))
        file.writelines(f"__label__{labels[row]} {line(texts[row])}\n" for row in order)
        file.flush()
        model = library.train_supervised(
            file.name, lr=1.0, epoch=25, wordNgrams=2, thread=count_cores(), verbose=0
        )

    def predict(texts: Sequence[str]) -> np.ndarray:
        found, _ = model.predict([line(text) for text in texts])
        return np.array([int(names[0].removeprefix("__label__")) for names in found])

    return predict


def sentence_embedding(texts: Sequence[str], labels: np.ndarray) -> Predict:
    """Embeddings that come with their package, and logistic regression."""
    import wordllama
    from sklearn.linear_model import LogisticRegression

    # Nothing is downloaded: weights and tokenizer lie in the package.
    model: Any = wordllama.WordLlama.load(
        cache_dir=Path(wordllama.__file__).parent, disable_download=True
    )
    regression = LogisticRegression(C=10, max_iter=1000)
    regression.fit(model.embed(list(texts), norm=True), labels)
    return lambda texts: regression.predict(model.embed(list(texts), norm=True))


METHODS: dict[str, tuple[Method, tuple[str, ...]]] = {
    "this package, shipped model": (shipped("distilled"), ()),
    "this package, shipped textbook model": (shipped("textbook"), ()),
    "this package, textbook network": (textbook_network, ()),
    "VADER": (vader, ("vaderSentiment",)),
    "TextBlob": (textblob, ("textblob",)),
    "TF-IDF, 1-grams, logistic regression": (tfidf_words, ("sklearn",)),
    "TF-IDF, 1-2-grams, logistic regression": (baseline("tfidf"), ("sklearn",)),
    "NB-SVM, 1-3-grams": (baseline("nbsvm"), ("sklearn",)),
    "fastText, 1-2-grams": (fasttext, ("fasttext",)),
    "WordLlama embeddings, logistic regression": (sentence_embedding, ("wordllama", "sklearn")),
}
