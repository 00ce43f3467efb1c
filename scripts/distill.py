"""Makes a smaller and faster model than ``recommended``: ``python -m scripts.distill``.

Two teachers learn from the labelled reviews: the preset ``recommended``, and NB-SVM, which counts
words, pairs and triples and errs elsewhere. Together they say how likely each of the 50,000 reviews
without label is positive, and each of as many passages of one to three sentences cut from them,
since people type sentences more often than reviews. A smaller network learns from labels and
teachers, and from sentences that are made up here: neither teacher knows that what is not dull is
praised, as reviewers hardly ever put it so.

Whole films are held out from all of them. They choose the weights of the teachers and the epoch of
the student. The test reviews are read once, by the student that came out.

A student may teach the next one (``--teacher``), as long as the same films were held out from it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.settings import default_data
from scripts.measure import measure
from sentiment_rnn import SentimentClassifier, load_imdb
from sentiment_rnn.baselines import BaselineClassifier
from sentiment_rnn.datasets import cache_folder
from sentiment_rnn.errors import UsageError
from sentiment_rnn.persistence import is_model_folder
from sentiment_rnn.training.splits import validation_split

SEED = 0
VALIDATION = 0.2
# What the student has of its own; all else is the preset's.
STUDENT: dict[str, Any] = {"cell": "gru", "bidirectional": False, "units": 64, "epochs": 10}
# Made up sentences, beside 75,000 reviews and 50,000 passages.
MADE_UP = 30_000
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


# What is said with a word, and how likely that is praise if the word by itself praises. With a
# comparative it is the negation that makes praise of praise.
_SAYS = {
    "{it} {is} {adverb}{word}.": 0.95,
    "{it} {is} {word} and {like}.": 0.97,
    "What {a} {word} {thing}!": 0.95,
    "{word}.": 0.95,
    "{it} {is} not {word}.": 0.1,
    "{it} {is}n't {adverb}{word}.": 0.15,
    "{it} {is} not {word} at all.": 0.08,
    "{it} {is} never {word}.": 0.1,
    "{it} {is} anything but {word}.": 0.08,
    "{it} {is} far from {word}.": 0.1,
    "{it} {is} hardly {word}.": 0.15,
    "There is hardly anything {word} about {it}.": 0.12,
    "Nobody could call {it} {word}.": 0.1,
    "not {word}": 0.1,
    "{it} {is} not {word} but {unlike}.": 0.04,
    "{it} {is} not only {word} but {like}.": 0.97,
    "{it} {is} {unlike}, not {word}.": 0.05,
    "{it} {is} not {a} {word} {thing}.": 0.1,
    "{it} {is} not as {word} as I thought.": 0.2,
    "{it} {is} by no means {word}.": 0.08,
    "{it} {is} neither {word} nor {like}.": 0.05,
    "I would not call {it} {word}.": 0.1,
    "I can't say that {it} {is} {word}.": 0.12,
    "I don't think {it} {is} {word}.": 0.12,
    "I have no idea why anyone calls {it} {word}.": 0.08,
    "{it} {is} {word}, no doubt about it.": 0.96,
    "{it} could hardly be more {word}.": 0.94,
    "I can't tell you how {word} {it} {is}.": 0.95,
    "{it} {is} {adverb}{word}, and I am not the only one who says so.": 0.96,
    "I {verb} {it}.": 0.95,
    "You will {verb} {it}.": 0.93,
    "I did not {verb} {it}.": 0.1,
    "I don't {verb} {it} at all.": 0.08,
    "Nobody will {verb} {it}.": 0.1,
    "It is hard to {verb} {it}.": 0.12,
    "You can't {verb} {it}.": 0.12,
    "I couldn't help but {verb} {it}.": 0.93,
    "Nobody could not {verb} {it}.": 0.9,
    "{it} will {does} you.": 0.95,
    "{it} never failed to {does} me.": 0.95,
    "{it} did not {does} me.": 0.08,
    "{it} doesn't {does}.": 0.1,
    "{it} won't {does} anyone.": 0.1,
    "{it} {is} {comparative} than I thought.": 0.93,
    "There is no {comparative} {thing}.": 0.93,
    "I have never had a {comparative} {thing}.": 0.93,
    "{it} could not be {comparative}.": 0.92,
    "{it} could be {comparative}.": 0.15,
    "{it} {is} no {comparative} than the others.": 0.15,
    "There is {noun} in {it}.": 0.93,
    "It {is} the {noun} of {it} that I remember.": 0.92,
    "{it} has no {noun}.": 0.1,
    "{it} {is} without any {noun}.": 0.1,
    "I found no {noun} in {it}.": 0.1,
    "There is not a trace of {noun} in {it}.": 0.08,
}
# Words that blame, and words that praise, beside the adjectives that the reviews tell.
_WORDS = {
    "verb": (
        ("hate", "dislike", "regret", "despise", "detest"),
        ("love", "like", "enjoy", "recommend", "adore"),
    ),
    "does": (
        ("disappoint", "bore", "annoy", "irritate", "let down", "depress"),
        ("impress", "delight", "move", "surprise", "entertain", "amuse"),
    ),
    "comparative": (
        ("worse", "duller", "poorer", "uglier", "weaker"),
        ("better", "finer", "nicer", "greater", "stronger"),
    ),
    "noun": (
        ("fault", "weakness", "boredom", "carelessness", "nonsense", "ugliness"),
        ("charm", "beauty", "talent", "warmth", "wit", "care"),
    ),
}
_THINGS = (
    *("film", "movie", "story", "acting", "ending", "music", "book", "song", "food", "meal"),
    *("service", "hotel", "room", "phone", "game", "staff", "place", "product", "trip", "course"),
)
_ADVERBS = ("", "", "very ", "so ", "really ", "quite ")
_ADJECTIVE = re.compile(r"\b(?:very|so|really|quite|extremely) ([a-z]{3,})\b")
_ADJECTIVES = 60
_FEWEST = 25


def adjectives(texts: Sequence[str], labels: np.ndarray) -> tuple[list[str], list[str]]:
    """The words behind *very* and its like that tell the class of a text best.

    Args:
        texts: the texts.
        labels: 0 or 1 ``(texts,)``.

    Returns:
        Those that blame and those that praise, the clearest first.

    Example:
        >>> texts = ["It is very dull, so dull.", "So good!", "A very good one."] * 25
        >>> adjectives(texts, np.array([0, 1, 1] * 25))
        (['dull'], ['good'])
    """
    counts = [Counter[str](), Counter[str]()]
    for text, label in zip(texts, labels, strict=True):
        counts[int(label)].update(set(_ADJECTIVE.findall(text.lower())))
    words = [word for word, count in (counts[0] + counts[1]).items() if count >= _FEWEST]
    odds = {word: np.log((counts[1][word] + 1) / (counts[0][word] + 1)) for word in sorted(words)}
    clear = [word for word in odds if abs(odds[word]) > 1]
    clear.sort(key=lambda word: -abs(odds[word]))
    blame = [word for word in clear if odds[word] < 0]
    return blame[:_ADJECTIVES], [word for word in clear if odds[word] > 0][:_ADJECTIVES]


def made_up(
    blame: Sequence[str], praise: Sequence[str], count: int, seed: int
) -> tuple[list[str], list[float]]:
    """Makes sentences up that say that something is so, or isn't.

    Args:
        blame: adjectives that blame.
        praise: adjectives that praise.
        count: how many sentences.
        seed: of chance.

    Returns:
        The sentences, and how likely each is praise.

    Example:
        >>> made_up(["dull"], ["good"], 2, seed=1)[0]
        ['The staff could hardly be more good.', 'I have never had a finer book.']
    """
    random = np.random.default_rng(seed)
    words = {"word": (blame, praise), **_WORDS}

    def one_of(choices: Sequence[str]) -> str:
        return choices[int(random.integers(len(choices)))]

    sentences, probabilities = [], []
    for _ in range(count):
        says = one_of(tuple(_SAYS))
        (slot,) = (name for name in words if f"{{{name}}}" in says)
        praises = int(random.integers(2))
        word, thing, adverb = one_of(words[slot][praises]), one_of(_THINGS), one_of(_ADVERBS)
        sentence = says.format(
            it=one_of((f"the {thing}", f"this {thing}", "it")),
            thing=thing,
            a="an" if word[0] in "aeiou" else "a",
            adverb=adverb,
            like=one_of(words[slot][praises]),
            unlike=one_of(words[slot][1 - praises]),
            **{"is": one_of(("is", "was")), slot: word},
        )
        sentences.append(sentence[0].upper() + sentence[1:])
        probabilities.append(_SAYS[says] if praises else round(1 - _SAYS[says], 2))
    return sentences, probabilities


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


def distill(data: str, out: Path, work: Path, others: Sequence[Path] = ()) -> None:
    """Trains teachers and student, and saves the student.

    Args:
        data: archive or folder of the IMDB reviews.
        out: the student's model folder.
        work: where the teacher is kept, so that it isn't trained again.
        others: model folders of further teachers, from which the same films were held out.
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
    paths = (folder, *others)
    teachers = [SentimentClassifier.load(path) for path in paths]
    for path, teacher in zip(paths, teachers, strict=True):
        learned_from = teacher.provenance_["trained_on"]
        same = learned_from["validated_by"] == "film" and teacher.provenance_["seed"] == SEED
        if not same or learned_from["validation"] != len(validated):
            raise UsageError(f"{path} may have learned from the films that are held out here.")
    _log("NB-SVM learns")
    counter = BaselineClassifier("nbsvm", seed=SEED)
    counter.fit(learned.texts, learned.labels, groups=learned.groups)

    def say(texts: Sequence[str]) -> list[np.ndarray]:
        return [log_odds(one.predict_proba(texts)[:, 1]) for one in (*teachers, counter)]

    said = say(validated.texts)
    weights = mix(said, validated.labels)
    together = sum(weight * one for weight, one in zip(weights, said, strict=True))
    names = [*(path.name for path in paths), "NB-SVM", "together"]
    for name, one in zip(names, [*said, together], strict=True):
        accuracy = np.mean((one > 0) == (validated.labels == 1))
        _log(f"{name}: {accuracy:.4f} of the reviews held out")

    assert train.unsupervised is not None
    texts = [*train.unsupervised, *passages(train.unsupervised, SEED)]
    _log(f"the teachers read {len(texts):,} texts")
    odds = sum(weight * one for weight, one in zip(weights, say(texts), strict=True))
    sentences, probabilities = made_up(
        *adjectives(learned.texts, learned.labels), count=MADE_UP, seed=SEED
    )
    student = SentimentClassifier(
        "recommended", seed=SEED, validation_fraction=VALIDATION, **STUDENT
    )
    student.fit(
        train.texts,
        train.labels,
        groups=train.groups,
        taught_texts=[*texts, *sentences],
        taught_probabilities=np.concatenate([1 / (1 + np.exp(-odds)), probabilities]),
        cache=cache,
        verbose=True,
    )
    student.calibrate(validated.texts, validated.labels)
    validation = student.evaluate(validated.texts, validated.labels)
    student.metrics_ = {"validation": validation, **measure(student, test)}
    taught_by = "".join(f" --teacher {path.name}" for path in others)
    student.provenance_["made_by"] = f"python -m scripts.distill{taught_by} --out {out.name}"
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
    parser.add_argument(
        "--teacher",
        type=Path,
        action="append",
        default=[],
        help="a model folder that teaches as well, such as that of an earlier student",
    )
    options = parser.parse_args()
    distill(options.data, options.out, options.work, options.teacher)


if __name__ == "__main__":
    main()
