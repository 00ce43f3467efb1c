"""What all classifiers of texts have in common, whatever tells them the probabilities."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentiment_rnn.datasets.reviews import Reviews, checked_labels
from sentiment_rnn.errors import DataError, ModelError
from sentiment_rnn.evaluation import accuracy_by_length, evaluate_probabilities
from sentiment_rnn.persistence.folders import MOST_CLASSES
from sentiment_rnn.prediction import Prediction

# Texts whose thought vectors a report has a picture of: of more, the dots would cover each other.
_PICTURED = 1500


class Reading(NamedTuple):
    """What a classifier made of some texts.

    Args:
        probabilities: of each class, float64 ``(texts, classes)``.
        lengths: of the texts, in tokens that the classifier knows ``(texts,)``.
        truncated: whether each text is longer than it reads ``(texts,)``.
    """

    probabilities: np.ndarray
    lengths: np.ndarray
    truncated: np.ndarray


class TextClassifier:
    """Predictions, scores and reports, from what `_read` says of texts.

    Attributes:
        classes_: the labels, ascending; probabilities come in this order.
    """

    classes_: np.ndarray

    def _read(self, texts: list[str]) -> Reading:
        """Reads texts, of a classifier that is trained."""
        raise NotImplementedError

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """The probability of each class for each text: float64 ``(texts, classes)``.

        Raises:
            ModelError: if the classifier is not trained yet.
        """
        self._check_is_fitted()
        return self._read(checked_texts(texts)).probabilities

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """The likeliest class of each text ``(texts,)``."""
        probabilities = self.predict_proba(texts)
        return self.classes_[probabilities.argmax(axis=1)]

    def predictions(self, texts: Sequence[str]) -> list[Prediction]:
        """Label, probability and whether the model read it whole, for each text."""
        self._check_is_fitted()
        texts = checked_texts(texts)
        found, names = self._read(texts), self.class_names
        return [
            Prediction(
                text, names[int(row.argmax())], tuple(row.tolist()), bool(cut), known=bool(length)
            )
            for text, row, cut, length in zip(
                texts, found.probabilities, found.truncated, found.lengths, strict=True
            )
        ]

    def score(
        self,
        texts: Sequence[str],
        labels: Sequence[Any] | np.ndarray,
        sample_weight: np.ndarray | None = None,
    ) -> float:
        """The share of texts whose predicted label is right.

        Args:
            texts: the texts.
            labels: their labels.
            sample_weight: how much each text counts ``(texts,)``; None for all alike.

        Raises:
            DataError: for another number of labels than of texts, strings where the classes are
                numbers, or the other way around, or no text at all.
        """
        texts = _some_texts(texts)
        found, labels = self.predict(texts), checked_labels(labels, len(texts))
        if (found.dtype.kind == "U") != (labels.dtype.kind == "U"):
            raise DataError(
                f"The model knows the classes {self.classes_.tolist()}. "
                f"Received: {labels.tolist()[0]!r}"
            )
        return float(np.average(found == labels, weights=sample_weight))

    def evaluate(self, texts: Sequence[str], labels: Sequence[Any] | np.ndarray) -> dict[str, Any]:
        """How good the model is on texts whose labels are known.

        Returns:
            The scores of `evaluate_probabilities`, ``accuracy_by_length`` in tokens that the model
            knows, and ``texts_per_second`` from text to probability.

        Raises:
            DataError: for a label that the model doesn't know, another number of labels than of
                texts, or no text at all.
        """
        texts = _some_texts(texts)
        return self._evaluated(texts, self._numbers(labels, len(texts)))[0]

    def report(self, reviews: Reviews, folder: str | Path, *, title: str) -> dict[str, Any]:
        """Writes a page on how good the model is: scores, pictures and mistakes.

        Args:
            reviews: texts whose labels are known, with ratings and names where there are any.
            folder: gets ``index.html``, ``scores.json`` and ``mistakes.csv``.
            title: what the page is called.

        Returns:
            The scores, as of `evaluate`.

        Raises:
            DataError: for a label that the model doesn't know, or no text at all.
            UsageError: if the folder is there and holds something else than a report.
            ResourceError: if the folder can't be written.
        """
        from sentiment_rnn.report import write_report

        if not len(reviews):
            raise DataError("A report takes at least one text. Received none.")
        self._check_is_fitted()
        numbers = self._numbers(reviews.labels, len(reviews))
        scores, probabilities = self._evaluated(reviews.texts, numbers)
        # From beginning to end, as all texts of a class may come together.
        places = np.linspace(0, len(reviews) - 1, min(len(reviews), _PICTURED)).astype(int)
        thoughts = self._thoughts([reviews.texts[place] for place in places])
        write_report(
            Path(folder),
            reviews,
            numbers,
            probabilities,
            scores,
            self.class_names,
            title=title,
            thoughts=None if thoughts is None else (places, thoughts),
        )
        return scores

    def _thoughts(self, texts: list[str]) -> np.ndarray | None:
        """What is made of texts before it is decided, ``(texts, features)``; None if nothing is."""
        return None

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the classes are called in output: 0 is negative and 1 is positive."""
        self._check_is_fitted()
        if self.classes_.tolist() == [0, 1]:
            return ("negative", "positive")
        return tuple(map(str, self.classes_.tolist()))

    def _evaluated(
        self, texts: Sequence[str], numbers: np.ndarray
    ) -> tuple[dict[str, Any], np.ndarray]:
        """The scores, and the probabilities, as `evaluate_probabilities` takes them."""
        started = time.perf_counter()
        found = self._read(checked_texts(texts))
        seconds = time.perf_counter() - started
        probabilities = decisive(found.probabilities)
        scores = {
            **evaluate_probabilities(numbers, probabilities),
            "accuracy_by_length": accuracy_by_length(numbers, probabilities, found.lengths),
            "texts_per_second": round(len(numbers) / seconds, 1),
        }
        return scores, probabilities

    def _numbers(self, labels: Sequence[Any] | np.ndarray, texts: int) -> np.ndarray:
        """The number of the class of each text's label."""
        self._check_is_fitted()
        labels = checked_labels(labels, texts)
        known = np.isin(labels, self.classes_)
        if not known.all():
            raise DataError(
                f"The model knows the classes {self.classes_.tolist()}. "
                f"Received: {labels[~known].tolist()[0]!r}"
            )
        return np.searchsorted(self.classes_, labels)

    def _check_is_fitted(self) -> None:
        if not hasattr(self, "classes_"):
            from sklearn.exceptions import NotFittedError

            class NotTrainedError(ModelError, NotFittedError):
                """What scikit-learn catches as well as this package's command line."""

            raise NotTrainedError(
                f"This {type(self).__name__} is not trained yet: call fit or load first."
            )

    # What scikit-learn asks of an estimator, without importing it to predict.

    _estimator_type = "classifier"

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "classes_")


def checked_texts(texts: Iterable[str]) -> list[str]:
    """The texts as a list.

    Raises:
        DataError: if they are one text, or one of them is no text.
    """
    if isinstance(texts, str):
        raise DataError("Expected a sequence of texts. Received one text: put it in a list.")
    # What they go through when they are read are the names of their columns.
    if isinstance(texts, Mapping) or hasattr(texts, "columns"):
        raise DataError(
            f"Expected a sequence of texts. Received a {type(texts).__name__}: take the column of "
            'texts, such as data["text"].'
        )
    checked = list(texts)
    for number, text in enumerate(checked):
        if not isinstance(text, str):
            raise DataError(
                f"Expected texts of type str. Received {type(text).__name__} at index {number}."
            )
    return checked


def _some_texts(texts: Iterable[str]) -> list[str]:
    """As `checked_texts`, of which there must be one at least."""
    checked = checked_texts(texts)
    if not checked:
        raise DataError("Scores take at least one text. Received none.")
    return checked


def numbered(labels: Sequence[Any] | np.ndarray, texts: int) -> tuple[np.ndarray, np.ndarray]:
    """The classes, and the number of each text's class.

    Raises:
        DataError: for labels of another number than `texts`, or that are no classes.
    """
    classes, numbers = np.unique(checked_labels(labels, texts), return_inverse=True)
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise DataError(
            f"Expected labels of two to {MOST_CLASSES:,} classes. Received {len(classes):,}: "
            f"{classes[:5].tolist()}"
        )
    return classes, numbers


def decisive(probabilities: np.ndarray) -> np.ndarray:
    """Of two classes the second column alone, which says all."""
    return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities
