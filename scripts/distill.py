"""Makes a smaller and faster model than ``recommended``: ``python -m scripts.distill``.

Two teachers learn from the labelled reviews: the preset ``recommended``, and NB-SVM, which counts
words, pairs and triples and errs elsewhere. Together they say how likely each of the 50,000 reviews
without label is positive, and each of as many passages of one to three sentences cut from them,
since people type sentences more often than reviews. A smaller network learns from labels and
teachers, and from sentences that `scripts.made_up` makes up: neither teacher knows that what is not
dull is praised, as reviewers hardly ever put it so.

Whole films are held out from all of them. They choose the weights of the teachers and the epoch of
the student; the sentences of `short_sentences.csv`, which stands beside this file, choose what is
made up. The test reviews are read once, by the student that came out.

Better teachers may take the place of ``recommended`` (``--teacher``), an earlier student among
them, as long as the same films were held out from them. The next student may begin where an earlier
one ended (``--begin-with``), and ends halfway between if that is no worse. With ``--preset
pretrained`` it is larger, and may begin with what ``sentiment-rnn pretrain`` made. ``--set``
changes other settings of it, such as ``--set engine=keras --set units=1024`` for a GPU.
A run that was stopped goes on, if it is given the same folder to work in. ``--together`` trains
nothing: it says how good models and NB-SVM are together, on the reviews held out and in the test.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.settings import default_data
from scripts.made_up import adjectives, made_up
from scripts.measure import measure, read_sentences, validated
from sentiment_rnn import SentimentClassifier, WordVectors, load_imdb
from sentiment_rnn._files import atomic_file
from sentiment_rnn.baselines import BaselineClassifier
from sentiment_rnn.commands.output import format_table
from sentiment_rnn.datasets import Reviews, cache_folder
from sentiment_rnn.errors import DataError, SentimentRNNError, UsageError
from sentiment_rnn.persistence import is_model_folder
from sentiment_rnn.preprocessing import Preprocessor
from sentiment_rnn.presets import OPTIONS, PRESETS
from sentiment_rnn.training.checkpoints import remove_checkpoint
from sentiment_rnn.training.splits import validation_split

SEED = 0
VALIDATION = 0.2
# What the student has of its own; all else is the preset's.
STUDENT: dict[str, Any] = {"cell": "gru", "bidirectional": False, "units": 64, "epochs": 10}
# One that begins where another ended learns in smaller steps.
FURTHER: dict[str, Any] = {"epochs": 3, "learning_rate": 1e-3}
# Made up sentences, beside 75,000 reviews and 50,000 passages.
MADE_UP = 60_000
# What people type, of which nothing is learned: for the choice of what is made up.
SENTENCES = Path(__file__).with_name("short_sentences.csv")
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


class Teachers:
    """Networks, and NB-SVM, which say together how likely a text is positive.

    Args:
        paths: the networks' model folders.
        train: the reviews that the networks were trained on, those held out too.
        kept: a folder where what each says is kept, which takes minutes; None for none.

    Attributes:
        learned: reviews that NB-SVM learns from.
        validated: reviews, held out from all, that tell how much each is to count.

    Raises:
        UsageError: if a network may have learned from other reviews.
    """

    def __init__(self, paths: Sequence[Path], train: Reviews, kept: Path | None = None) -> None:
        part, held_out = validation_split(train.labels, VALIDATION, seed=SEED, groups=train.groups)
        self.learned, self.validated = train.select(part), train.select(held_out)
        self._kept, self._networks = kept, [SentimentClassifier.load(path) for path in paths]
        for path, network in zip(paths, self._networks, strict=True):
            try:
                same = validated(network, train).texts == self.validated.texts
            except UsageError:
                same = False
            if not same:
                raise UsageError(f"{path} may have learned from the films that are held out here.")
        # What tells each from all others.
        self._keys = [(path / "checksums.json").read_text(encoding="utf-8") for path in paths]
        self._keys.append(f"NB-SVM {self.learned.fingerprint()}")
        self.names = [*(path.name for path in paths), "NB-SVM"]
        self.weights = mix(self.say(self.validated.texts), self.validated.labels)

    @cached_property
    def _counter(self) -> BaselineClassifier:
        _log("NB-SVM learns")
        counter = BaselineClassifier("nbsvm", seed=SEED)
        return counter.fit(self.learned.texts, self.learned.labels, groups=self.learned.groups)

    def say(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The log odds ``(texts,)`` that each says."""
        return [self._say(number, texts) for number in range(len(self._keys))]

    def _say(self, number: int, texts: Sequence[str]) -> np.ndarray:
        file = None
        if self._kept is not None:
            known = hashlib.sha256(json.dumps([self._keys[number], *texts]).encode()).hexdigest()
            file = self._kept / f"said-{known[:16]}.npy"
            if file.is_file():
                return np.load(file)
        counts = number == len(self._networks)
        teacher = self._counter if counts else self._networks[number]
        said = log_odds(teacher.predict_proba(texts)[:, 1])
        if file is not None:
            with atomic_file(file) as temporary, temporary.open("wb") as opened:
                np.save(opened, said)
        return said

    def together(self, said: Sequence[np.ndarray]) -> np.ndarray:
        """The log odds ``(texts,)`` of all, of what each says."""
        return np.sum([w * one for w, one in zip(self.weights, said, strict=True)], axis=0)

    def table(self, reviews: Reviews) -> str:
        """How good each is, and all together."""
        said = self.say(reviews.texts)
        rows = [["", "accuracy", "log loss"]]
        for name, one in zip([*self.names, "together"], [*said, self.together(said)], strict=True):
            right = np.mean((one > 0) == (reviews.labels == 1))
            loss = np.mean(np.logaddexp(0, np.where(reviews.labels == 1, -one, one)))
            rows.append([name, f"{right:.4f}", f"{loss:.4f}"])
        return format_table(rows[0], rows[1:])


def distill(
    data: str,
    out: Path,
    work: Path,
    others: Sequence[Path] = (),
    begin_with: Path | None = None,
    preset: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Trains teachers and student, and saves the student.

    Args:
        data: archive or folder of the IMDB reviews.
        out: the student's model folder.
        work: where the teacher and checkpoints are kept, so that nothing is trained again.
        others: model folders of the networks that teach, from which the same films were held out;
            where there is none, a teacher of the preset "recommended" is trained.
        begin_with: the model folder of an earlier student, or of a pretrained network, with whose
            layers this one begins.
        preset: whose network the student is; None for a small one.
        changes: settings of the student that are to be others.

    Raises:
        UsageError: for settings that make no sense.
    """
    begun = None if begin_with is None else SentimentClassifier.load(begin_with)
    settings = {} if preset is not None else STUDENT
    if begun is not None:
        settings = {**settings, **FURTHER}
    settings = {**settings, **(changes or {})}
    student = SentimentClassifier(
        preset or "recommended",
        seed=SEED,
        validation_fraction=VALIDATION,
        pretrained=begin_with,
        **settings,
    )
    # Before hours of training the teachers, not after them.
    student.settings(to_fit=True)
    cache = cache_folder() / "corpora"
    train, test = load_imdb(data, unsupervised=True, cache=cache)
    paths = others or [_recommended(train, work, cache)]
    teachers = Teachers(paths, train, work)
    learned, held_out = teachers.learned, teachers.validated
    _log(teachers.table(held_out))

    assert train.unsupervised is not None
    texts = [*train.unsupervised, *passages(train.unsupervised, SEED)]
    _log(f"the teachers read {len(texts):,} texts")
    odds = teachers.together(teachers.say(texts))
    sentences, probabilities = made_up(
        *adjectives(learned.texts, learned.labels), count=MADE_UP, seed=SEED
    )
    student.fit(
        train.texts,
        train.labels,
        groups=train.groups,
        taught_texts=[*texts, *sentences],
        taught_probabilities=np.concatenate([1 / (1 + np.exp(-odds)), probabilities]),
        checkpoint=work / f"{out.name}.checkpoint",
        cache=cache,
        verbose=True,
    )
    if begun is not None and "pretraining" not in begun.provenance_:
        average(student, begun, held_out)
    try:
        student.calibrate(held_out.texts, held_out.labels)
    except DataError as error:
        # What was trained for an hour isn't thrown away for it.
        _log(f"left as sure as it is: {error}")
    validation = student.evaluate(held_out.texts, held_out.labels)
    sentences, labels, _ = read_sentences(SENTENCES)
    right = student.predict(sentences) == labels
    _log(f"{right.sum()} of the {len(right)} sentences of {SENTENCES.name} are right")
    student.metrics_ = {"validation": validation, **measure(student, test)}
    options = "".join(f" --teacher {path.name}" for path in others)
    if begin_with is not None:
        options += f" --begin-with {begin_with.name}"
    if preset is not None:
        options += f" --preset {preset}"
    for name, value in (changes or {}).items():
        options += f" --set {name}={value if isinstance(value, str) else json.dumps(value)}"
    student.provenance_["made_by"] = f"python -m scripts.distill{options} --out {out.name}"
    student.save(out)
    remove_checkpoint(work / f"{out.name}.checkpoint")
    _log(f"saved {out}: {student.metrics_['test']['accuracy']:.4f} of the test reviews")


def ask_together(data: str, paths: Sequence[Path]) -> None:
    """Prints how good models are together, with NB-SVM, on held out and on test reviews.

    Args:
        data: archive or folder of the IMDB reviews.
        paths: model folders, from which the same films were held out.
    """
    train, test = load_imdb(data, cache=cache_folder() / "corpora")
    models = Teachers(paths, train)
    print(models.table(models.validated), models.table(test), sep="\n\n")


def average(student: SentimentClassifier, begun: SentimentClassifier, held_out: Reviews) -> None:
    """Gives a student the mean of its weights and of those that it began with, if it is no worse.

    What lies between the two keeps most of what was learned last, and more of what both know.
    Where the student has other layers, such as the half of those that read from both ends, nothing
    lies between them.

    Args:
        student: changed.
        begun: of the same words.
        held_out: reviews held out from both.

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models", 2022.
    """
    learned, preprocessor = student._weights, student.preprocessor
    if list(map(np.shape, learned)) != list(map(np.shape, begun._weights)):
        return
    alone = student.score(held_out.texts, held_out.labels)
    means = [(one + other) / 2 for one, other in zip(learned, begun._weights, strict=True)]
    between, vectors = preprocessor, preprocessor.word_vectors
    if student.settings().architecture.trainable_vectors:
        matrix = (vectors.matrix() + begun.word_vectors.matrix()) / 2
        between = Preprocessor(preprocessor.config, WordVectors(vectors.words, matrix))
    student._set_model(student._network, means, between)
    halfway = student.score(held_out.texts, held_out.labels)
    if halfway < alone:
        student._set_model(student._network, learned, preprocessor)
    _log(f"in validation {alone:.4f} in the end, {halfway:.4f} halfway from its beginning")


def _recommended(train: Reviews, work: Path, cache: Path) -> Path:
    """The folder of a teacher of the preset "recommended", which is trained if it isn't there."""
    folder = work / "recommended"
    if not is_model_folder(folder):
        teacher = SentimentClassifier("recommended", seed=SEED, validation_fraction=VALIDATION)
        teacher.fit(
            train.texts,
            train.labels,
            groups=train.groups,
            checkpoint=work / "recommended.checkpoint",
            cache=cache,
            verbose=True,
        )
        teacher.save(folder)
        remove_checkpoint(work / "recommended.checkpoint")
    return folder


def parse_change(text: str) -> tuple[str, Any]:
    """Reads a setting.

    Example:
        >>> parse_change("units=1024"), parse_change("engine=keras"), parse_change("masking=true")
        (('units', 1024), ('engine', 'keras'), ('masking', True))

    Raises:
        UsageError: for what is none.
    """
    name, sign, value = text.partition("=")
    if not sign or name not in OPTIONS:
        raise UsageError(f"Expected --set NAME=VALUE with a setting's name. Received: {text}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


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
    parser.add_argument("--out", type=Path, help="the student's model folder")
    parser.add_argument("--work", type=Path, default=Path("trained/distill"), help="the teacher's")
    parser.add_argument(
        "--teacher",
        type=Path,
        action="append",
        default=[],
        help="a model folder that teaches in place of `recommended`, such as an earlier student's",
    )
    parser.add_argument(
        "--begin-with",
        type=Path,
        help="an earlier student, or a pretrained network, with whose layers this one begins",
    )
    parser.add_argument(
        "--preset", choices=PRESETS, help="whose network the student is, instead of a small one"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a setting of the student",
    )
    parser.add_argument(
        "--together",
        action="store_true",
        help="instead of training say how good NB-SVM and the models named by --teacher are "
        "together",
    )
    options = parser.parse_args()
    if options.out is None and not options.together:
        parser.error("--out is missing")
    try:
        if options.together:
            ask_together(options.data, options.teacher)
        else:
            distill(
                options.data,
                options.out,
                options.work,
                options.teacher,
                options.begin_with,
                options.preset,
                dict(map(parse_change, options.set)),
            )
    except SentimentRNNError as error:
        _log(f"error: {error}")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
