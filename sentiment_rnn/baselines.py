"""Classifiers that count words and know no order: what a recurrent network has to beat.

Both add up a weight for each n-gram that a text has.

``tfidf``: words and pairs, each counted by TF-IDF; logistic regression finds the weights.

``nbsvm``: words, pairs and triples, each counted once and multiplied by how much oftener it is in
one class than in the others; a linear support vector machine finds the weights, which are then
drawn towards naive Bayes.

Sources: Wang and Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification",
ACL 2012; Spärck Jones, "A Statistical Interpretation of Term Specificity and Its Application in
Retrieval", 1972.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentiment_rnn._classifier import Reading, TextClassifier, checked_texts, decisive, numbered
from sentiment_rnn._versions import versions
from sentiment_rnn.datasets.reviews import fingerprint_of
from sentiment_rnn.errors import DataError, UsageError
from sentiment_rnn.evaluation import best_temperature, evaluate_probabilities, tells_how_sure
from sentiment_rnn.persistence.baseline_folder import SavedBaseline, load_baseline, save_baseline
from sentiment_rnn.prediction import class_probabilities
from sentiment_rnn.preprocessing.word_vectors import WordVectors
from sentiment_rnn.training.splits import validation_split

if TYPE_CHECKING:
    from scipy import sparse
    from sklearn.feature_extraction.text import CountVectorizer

Array = np.ndarray

# What an n-gram must be in at least two texts for.
_FEWEST_TEXTS = 2


@dataclass(frozen=True)
class Method:
    """A way to weigh n-grams.

    Args:
        longest: words in the longest n-gram.
        binary: whether an n-gram counts once, however often a text has it.
    """

    longest: int
    binary: bool


METHODS = {"tfidf": Method(longest=2, binary=False), "nbsvm": Method(longest=3, binary=True)}


@dataclass(frozen=True)
class NGrams:
    """What a classifier knows of n-grams, and adds up.

    Args:
        method: how they are counted, a key of `METHODS`.
        table: of each n-gram a row: first by what its count is multiplied (of ``tfidf`` alone),
            then what it adds to each output: of two classes to the log odds of the second, of more
            to their logits.
        offset: what is added to all, ``(outputs,)``.
    """

    method: str
    table: WordVectors
    offset: Array

    def logits(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """What the rows add up to ``(texts, outputs)``, and how many n-grams each text has."""
        counts = _vectorizer(self.method, vocabulary=self.table.index).transform(texts)
        factors, weights = self.table.vectors[:, 0], self.table.vectors[:, 1:]
        counted = _tfidf(counts, factors) if self.method == "tfidf" else counts
        return counted @ weights + self.offset, np.diff(counts.indptr)

    def divided(self, temperature: float) -> NGrams:
        """The same with logits divided by a temperature."""
        rows = self.table.vectors.copy()
        rows[:, 1:] /= temperature
        offset = (self.offset / temperature).astype(np.float32)
        return NGrams(self.method, WordVectors(self.table.words, rows), offset)


class BaselineClassifier(TextClassifier):
    """Counts words, pairs and triples; a scikit-learn estimator like `SentimentClassifier`.

    Args:
        method: "nbsvm" or "tfidf".
        seed: of the validation part.
        validation_fraction: share of the texts, or films, that validate.

    Attributes:
        classes_: the labels, ascending; probabilities come in this order.
        metrics_: scores by the name of the part of the data they were taken on.
        provenance_: seed, data and versions that the model was made with.

    Example:
        >>> texts = ["a good film", "a dull film", "good fun", "so dull"] * 5
        >>> baseline = BaselineClassifier("tfidf").fit(texts, [1, 0, 1, 0] * 5)
        >>> baseline.predict(["a good film", "dull, so dull"]).tolist()
        [1, 0]
    """

    metrics_: dict[str, Any]
    provenance_: dict[str, Any]
    _ngrams: NGrams

    def __init__(
        self, method: str = "nbsvm", *, seed: int = 0, validation_fraction: float = 0.2
    ) -> None:
        self.method = method
        self.seed = seed
        self.validation_fraction = validation_fraction

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments by name; `deep` is there for scikit-learn."""
        names = ("method", "seed", "validation_fraction")
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> BaselineClassifier:
        """Changes constructor's arguments.

        Raises:
            UsageError: for a name that is none.
        """
        for name, value in params.items():
            if name not in self.get_params():
                raise UsageError(f"BaselineClassifier has no parameter {name!r}.")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"BaselineClassifier({given})"

    def fit(
        self,
        texts: Sequence[str],
        labels: Sequence[Any] | Array,
        *,
        groups: Array | None = None,
        verbose: bool = False,
    ) -> BaselineClassifier:
        """Learns from the texts that don't validate, is measured on those that do, then from all.

        How sure it is of what it says is settled by the validation part: its logits are divided by
        the temperature that fits best, unless all of that part, or no more than by chance, is
        classified rightly.

        Args:
            texts: the texts; not changed.
            labels: the class of each text, numbers or strings ``(texts,)``, of two kinds or more.
            groups: the film of each text, so that validation can be by film.
            verbose: whether to say on standard error what is being done.

        Returns:
            Itself.

        Raises:
            UsageError: for a method that there isn't.
            DataError: for texts and labels that nothing can be learned from.
        """
        if self.method not in METHODS:
            raise UsageError(
                f"Unknown method {self.method!r}. Expected one of: {', '.join(METHODS)}"
            )
        started = time.perf_counter()
        texts = checked_texts(texts)
        classes, numbers = numbered(labels, len(texts))
        part, validation_part = validation_split(
            numbers, self.validation_fraction, seed=self.seed, groups=groups
        )
        _log(
            verbose,
            f"counting words of {len(part):,} texts, validating on {len(validation_part):,}",
        )
        learned = _learn(self.method, [texts[row] for row in part], numbers[part], len(classes))
        logits, _ = learned.logits([texts[row] for row in validation_part])
        truth = numbers[validation_part]
        temperature = best_temperature(truth, logits[:, 0] if logits.shape[1] == 1 else logits)
        if not tells_how_sure(temperature):
            temperature = 1.0
        validation = evaluate_probabilities(truth, decisive(_probabilities(logits / temperature)))
        _log(verbose, f"accuracy {validation['accuracy']:.4f}; counting words of all texts")
        ngrams = _learn(self.method, texts, numbers, len(classes))
        self.classes_ = classes
        self._ngrams = ngrams.divided(temperature)
        self.metrics_ = {"validation": validation}
        self.provenance_ = {
            "preset": self.method,
            "seed": self.seed,
            "options": {"validation_fraction": self.validation_fraction},
            "trained_on": {
                "texts": len(texts),
                "validation": len(validation_part),
                "validated_by": "random" if groups is None else "film",
                "fingerprint": fingerprint_of(texts, numbers),
            },
            "temperature": round(temperature, 4),
            "seconds": round(time.perf_counter() - started, 1),
            "versions": versions("sentiment_rnn", "scikit-learn", "numpy"),
        }
        return self

    def count_params(self) -> int:
        """Learned numbers."""
        self._check_is_fitted()
        outputs = len(self._ngrams.offset)
        return (len(self._ngrams.table) + 1) * outputs

    def _read(self, texts: list[str]) -> Reading:
        logits, lengths = self._ngrams.logits(texts)
        return Reading(_probabilities(logits), lengths, np.zeros(len(texts), bool))

    def save(self, folder: str | Path) -> None:
        """Writes a folder that predicts by itself; see `save_baseline`.

        Raises:
            ResourceError: if it can't be written. What was there before is then untouched.
        """
        self._check_is_fitted()
        save_baseline(
            SavedBaseline(
                method=self._ngrams.method,
                classes=tuple(self.classes_.tolist()),
                ngrams=self._ngrams.table,
                offset=self._ngrams.offset.tolist(),
                provenance=self.provenance_,
                metrics=self.metrics_,
            ),
            folder,
        )

    @classmethod
    def load(cls, folder: str | Path) -> BaselineClassifier:
        """Reads a folder.

        Raises:
            ModelError: if there is none, or it is damaged, or not to be trusted.
        """
        saved = load_baseline(folder, methods=tuple(METHODS))
        options = saved.provenance.get("options")
        fraction = options.get("validation_fraction") if isinstance(options, dict) else None
        baseline = cls(
            saved.method,
            seed=seed if isinstance(seed := saved.provenance.get("seed"), int) else 0,
            validation_fraction=fraction if isinstance(fraction, float) else 0.2,
        )
        baseline.classes_ = np.array(saved.classes)
        baseline.provenance_, baseline.metrics_ = saved.provenance, saved.metrics
        offset = np.array(saved.offset, np.float32)
        baseline._ngrams = NGrams(saved.method, saved.ngrams, offset)
        return baseline


def _learn(method: str, texts: Sequence[str], numbers: Array, classes: int) -> NGrams:
    vectorizer = _vectorizer(method, min_df=_FEWEST_TEXTS)
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError as error:
        raise DataError(
            f"Expected texts that share words with each other. Of {len(texts):,} none do: {error}"
        ) from error
    words = vectorizer.get_feature_names_out().tolist()
    if method == "nbsvm":
        outputs = [1] if classes == 2 else range(classes)
        found = [_naive_bayes_machine(counts, numbers == one) for one in outputs]
        factors = np.ones(len(words))
        weights = np.column_stack([one for one, _ in found])
        offset = np.array([one for _, one in found])
    else:
        factors = np.log((1 + len(texts)) / (1 + np.diff(counts.tocsc().indptr))) + 1
        weights, offset = _regression(_tfidf(counts, factors), numbers)
    return NGrams(method, WordVectors(words, np.column_stack([factors, weights])), offset)


def _vectorizer(method: str, **options: Any) -> CountVectorizer:
    from sklearn.feature_extraction.text import CountVectorizer

    longest, binary = METHODS[method].longest, METHODS[method].binary
    return CountVectorizer(ngram_range=(1, longest), binary=binary, **options)


def _regression(counts: sparse.csr_matrix, numbers: Array) -> tuple[Array, Array]:
    """The weights of a logistic regression, and its offset."""
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(C=10, max_iter=1000).fit(counts, numbers)
    return regression.coef_.T, regression.intercept_


def _naive_bayes_machine(counts: sparse.csr_matrix, is_class: Array) -> tuple[Array, float]:
    """The weights of a class against all others, and their offset."""
    from sklearn.svm import LinearSVC

    positive, negative = (counts[rows].sum(axis=0).A1 + 1 for rows in (is_class, ~is_class))
    ratio = np.log(positive / positive.sum()) - np.log(negative / negative.sum())
    machine = LinearSVC(C=0.1, random_state=0).fit(counts.multiply(ratio).tocsr(), is_class)
    weights = machine.coef_[0]
    # Between naive Bayes and the machine, with the share that the paper has for sentiment.
    return ratio * (0.75 * np.abs(weights).mean() + 0.25 * weights), machine.intercept_[0] * 0.25


def _tfidf(counts: sparse.csr_matrix, factors: Array) -> sparse.csr_matrix:
    """Each count n as ``1 + log n``, times its n-gram's factor, and each text of length 1."""
    from sklearn.preprocessing import normalize

    counted = counts.astype(np.float64)
    counted.data = (1 + np.log(counted.data)) * factors[counted.indices]
    return normalize(counted, copy=False)


def _probabilities(logits: Array) -> Array:
    if logits.shape[1] == 1:
        return class_probabilities(1 / (1 + np.exp(-logits)))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return class_probabilities(powers)


def _log(verbose: bool, message: str) -> None:
    if verbose:
        print(message, file=sys.stderr)
