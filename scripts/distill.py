"""Makes a smaller and faster model than ``recommended``: ``python -m scripts.distill``.

Two teachers learn from the labelled reviews: the preset ``recommended``, and NB-SVM, which counts
words, pairs and triples and errs elsewhere. Together they say how likely each of the 50,000 reviews
without label is positive, and each of as many passages of one to three sentences cut from them,
since people type sentences more often than reviews. A smaller network learns from labels and
teachers.

Whole films are held out from all three. They choose the teachers' weights and the student's epoch.
The test reviews are read once, by the student that came out.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.settings import default_data
from benchmarks.suites.accuracy import nb_svm_margins
from sentiment_rnn import SentimentClassifier, load_imdb
from sentiment_rnn.datasets import cache_folder
from sentiment_rnn.persistence import is_model_folder
from sentiment_rnn.training.splits import validation_split

SEED = 0
VALIDATION = 0.2
# What the student has of its own; all else is the preset's.
STUDENT: dict[str, Any] = {"bidirectional": False, "units": 96, "epochs": 6}
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?:\s*<br\s*/?>\s*)+")


def passages(texts: Sequence[str], seed: int) -> list[str]:
    """Cuts a passage of one to three sentences from each text, where chance wants it.

    Example:
        >>> passages(["One. Two!<br /><br />Three is the last."], seed=1)
        ['Two! Three is the last.']
    """
    random = np.random.default_rng(seed)
    found = []
    for text in texts:
        sentences = [part for part in _END_OF_SENTENCE.split(text) if part]
        if not sentences:
            continue
        start, count = random.integers(len(sentences)), random.integers(1, 4)
        found.append(" ".join(sentences[start : start + count]))
    return found


def mix(said: Sequence[np.ndarray], labels: np.ndarray) -> list[float]:
    """By what to multiply each teacher's log odds so that their sum says how sure to be.

    It is a logistic regression without an intercept.

    Args:
        said: log odds ``(texts,)`` of each teacher.
        labels: 0 or 1 ``(texts,)``.
    """
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(C=1e6, fit_intercept=False)
    return regression.fit(np.column_stack(said), labels).coef_[0].tolist()


def distill(data: str, out: Path, work: Path) -> None:
    """Trains teachers and student, and saves the student.

    Args:
        data: archive or folder of the IMDB reviews.
        out: the student's model folder.
        work: where the teacher is kept, so that it isn't trained again.
    """
    cache = cache_folder() / "corpora"
    train, test = load_imdb(data, unsupervised=True, cache=cache)
    part, held_out = validation_split(train.labels, VALIDATION, seed=SEED, groups=train.groups)
    learned, validated = train.select(part), train.select(held_out)

    folder = work / "recommended"
    if not is_model_folder(folder):
        teacher = SentimentClassifier("recommended", seed=SEED, validation_fraction=VALIDATION)
        teacher.fit(train.texts, train.labels, groups=train.groups, cache=cache, verbose=True)
        teacher.save(folder)
    teacher = SentimentClassifier.load(folder)
    _log("NB-SVM learns")
    margins = nb_svm_margins(learned.texts, learned.labels)

    def say(texts: Sequence[str]) -> list[np.ndarray]:
        return [log_odds(teacher.predict_proba(texts)[:, 1]), margins(texts)]

    said = say(validated.texts)
    weights = mix(said, validated.labels)
    both = sum(weight * one for weight, one in zip(weights, said, strict=True))
    for name, one in (("recommended", said[0]), ("NB-SVM", said[1]), ("both", both)):
        accuracy = np.mean((one > 0) == (validated.labels == 1))
        _log(f"{name}: {accuracy:.4f} of the reviews held out")

    assert train.unsupervised is not None
    texts = [*train.unsupervised, *passages(train.unsupervised, SEED)]
    _log(f"the teachers read {len(texts):,} texts")
    odds = sum(weight * one for weight, one in zip(weights, say(texts), strict=True))
    student = SentimentClassifier(
        "recommended", seed=SEED, validation_fraction=VALIDATION, **STUDENT
    )
    student.fit(
        train.texts,
        train.labels,
        groups=train.groups,
        taught_texts=texts,
        taught_probabilities=1 / (1 + np.exp(-odds)),
        cache=cache,
        verbose=True,
    )
    student.metrics_["test"] = student.evaluate(test.texts, test.labels)
    student.provenance_["made_by"] = f"python -m scripts.distill --out {out.name}"
    student.save(out)
    _log(f"saved {out}: {student.metrics_['test']['accuracy']:.4f} of the test reviews")


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """``log(p / (1 - p))``, of certainty as well.

    Example:
        >>> log_odds(np.array([0.5, 1.0])).round(1)
        array([ 0. , 13.8])
    """
    clipped = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def _log(message: str) -> None:
    print(message, file=sys.stderr)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.distill", description=__doc__)
    parser.add_argument("--data", default=default_data(), help="archive or folder of the reviews")
    parser.add_argument("--out", type=Path, required=True, help="the student's model folder")
    parser.add_argument("--work", type=Path, default=Path("trained/distill"), help="the teacher's")
    options = parser.parse_args()
    distill(options.data, options.out, options.work)


if __name__ == "__main__":
    main()
