"""Looking for settings that validate well: a study of many trainings, with Optuna.

Each trial trains a network with settings drawn from a search space, is scored by its accuracy on
validation texts, and ends early where it does worse than the trials before it. A study is an SQLite
file that can be continued, and that several processes may work on at a time. It needs the package
optuna: ``pip install "sentiment_rnn[tune]"``.

Source: Akiba and others, "Optuna: A Next-generation Hyperparameter Optimization Framework", 2019.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from sentiment_rnn.datasets.reviews import Reviews
from sentiment_rnn.errors import ResourceError, UsageError
from sentiment_rnn.presets import LAYER_OPTIONS, OPTIONS, Preset, find_preset
from sentiment_rnn.sentiment import SentimentClassifier


@dataclass(frozen=True)
class Range:
    """Numbers that a setting is drawn from; whole ones if both ends are.

    Args:
        low: the least.
        high: the most.
        log: whether 1 to 10 is drawn as often as 10 to 100.
    """

    low: float
    high: float
    log: bool = False

    def __str__(self) -> str:
        return f"{self.low}:{self.high}" + (" logarithmic" if self.log else "")


Variation = Range | tuple[Any, ...]

# What varies where nothing else is said. Of the heads, those that go with the other settings.
SEARCH_SPACE: dict[str, Variation] = {
    "learning_rate": Range(0.0001, 0.01, log=True),
    "units": Range(8, 128, log=True),
    "cell": ("simple", "lstm", "gru"),
    "dropout": Range(0.0, 0.5),
    "head": ("flatten", "last", "mean", "max", "mean_max"),
    "batch_size": (16, 32, 64),
}
# What a factor makes more or less of, rather than a sum.
_LOGARITHMIC = ("learning_rate", "units", "batch_size", "maxlen", "vector_length")
# With other validation texts, one accuracy says nothing about another.
_THE_SAME_FOR_ALL = ("validate_by", "validation_fraction")
_STUDY = "sentiment_rnn"
# Seconds from one sign of life of a trial to the next, and without one until it counts as failed.
_HEARTBEAT, _GRACE = 10, 60


def parse_variation(text: str) -> tuple[str, Variation]:
    """Reads what a setting is drawn from.

    Args:
        text: ``NAME=LOW:HIGH`` or ``NAME=a,b,c`` with a name of `OPTIONS`.

    Raises:
        UsageError: if it is neither, or the setting can't be drawn from it.

    Example:
        >>> parse_variation("dropout=0.1:0.3")
        ('dropout', Range(low=0.1, high=0.3, log=False))
        >>> parse_variation("bidirectional=true,false")
        ('bidirectional', (True, False))
    """
    name, equals, values = text.partition("=")
    name = name.replace("-", "_")
    if not equals:
        raise UsageError(f"Expected NAME=LOW:HIGH or NAME=a,b,c to vary. Received: {text!r}")
    if name in _THE_SAME_FOR_ALL:
        raise UsageError(f"{name} decides what trials are compared by: it is the same for all.")
    if name not in OPTIONS:
        raise UsageError(
            f"There is no setting {name!r} to vary. `sentiment-rnn tune --help` lists them."
        )
    default: Any = OPTIONS[name].default
    choices = OPTIONS[name].metadata.get("choices")
    if isinstance(default, bool):
        known: dict[str, Any] = {"true": True, "false": False}
    else:
        known = {choice: choice for choice in choices or ()}
    found: Variation | None
    if known:
        found = tuple(known[value] for value in values.split(",") if value in known)
        if len(found) != len(values.split(",")):
            found = None
    else:
        found = _numbers(values, type(default), log=name in _LOGARITHMIC)
    if found is None:
        kind = "whole numbers" if isinstance(default, int) else "numbers"
        numbers = f"LOW:HIGH, with LOW below HIGH, or a,b,c of {kind}"
        expected = ",".join(known) if known else numbers
        raise UsageError(f"Expected {name}={expected}. Received: {text!r}")
    return name, found


def _numbers(text: str, kind: type, *, log: bool) -> Variation | None:
    """``LOW:HIGH`` or ``a,b,c``; None if it is neither."""
    try:
        numbers = [kind(part) for part in text.split(":" if ":" in text else ",")]
    except ValueError:
        return None
    if ":" not in text:
        return tuple(numbers)
    if len(numbers) != 2 or not numbers[0] < numbers[1]:
        return None
    low, high = numbers
    return Range(low, high, log=log and low > 0)


def parse_variations(texts: Iterable[str]) -> dict[str, Variation]:
    """Reads what each of several settings is drawn from; see `parse_variation`."""
    found: dict[str, Variation] = {}
    for text in texts:
        name, values = parse_variation(text)
        if name in found:
            raise UsageError(f"{name} varies twice: leave one of the two out.")
        found[name] = values
    return found


def search_space(
    preset: str | Path, options: Mapping[str, Any], vary: Mapping[str, Variation]
) -> dict[str, Variation]:
    """What the settings of a trial are drawn from.

    Args:
        preset: as of `SentimentClassifier`.
        options: settings that are the same for all trials; they are left out of `SEARCH_SPACE`.
        vary: what is drawn from something else than `SEARCH_SPACE` says, or beyond it.

    Raises:
        UsageError: if the settings at the ends of the ranges make no sense, or the layers of a
            pretrained network are to vary.

    Example:
        >>> space = search_space("recommended", {"cell": "gru"}, {"units": Range(64, 256)})
        >>> space["units"], space["head"], "cell" in space
        (Range(low=64, high=256, log=False), ('last', 'mean', 'max', 'mean_max'), False)
    """
    both = sorted(set(options) & set(vary))
    if both:
        raise UsageError(f"{both[0]} is set, and varies: leave one of the two out.")
    settled = LAYER_OPTIONS if preset == "pretrained" else ()
    if other := sorted(set(settled) & set(vary)):
        raise UsageError(
            f"Each trial begins with the layers of the pretrained network: {other[0]} can't vary."
        )
    for end in ("low", "high"):
        given = {
            name: getattr(values, end) if isinstance(values, Range) else values[0]
            for name, values in vary.items()
        }
        SentimentClassifier(preset, **options, **given).settings(to_fit=True)

    def goes_with_the_others(name: str, choice: Any) -> bool:
        try:
            SentimentClassifier(preset, **{**options, **given, name: choice}).settings(to_fit=True)
        except UsageError:
            return False
        return True

    space: dict[str, Variation] = {}
    for name, values in SEARCH_SPACE.items():
        if name in options or name in vary or name in settled:
            continue
        if not isinstance(values, Range):
            values = tuple(one for one in values if goes_with_the_others(name, one))
        space[name] = values
    return space | dict(vary)


@dataclass(frozen=True)
class Trial:
    """A training of a study.

    Args:
        number: of the trial, from 0.
        state: "complete", "pruned" (ended early), "fail" (its process was interrupted or has died)
            or "running".
        accuracy: the best validation accuracy of its epochs; None before the first has ended.
        epochs: how many have ended.
        settings: what was drawn for it.
    """

    number: int
    state: str
    accuracy: float | None
    epochs: int
    settings: dict[str, Any]


class Study:
    """Trainings whose settings are drawn from a search space, the better the more there were.

    Args:
        file: the SQLite file of the study, which is continued if it is there.
        reviews: what each trial trains on and is validated with; by film where films are known.
        preset: the settings to begin with, as of `SentimentClassifier`.
        options: settings of `OPTIONS` that are the same for all trials.
        vary: as of `search_space`.
        vectors: as of `SentimentClassifier`, but not "train".
        seed: of each training, and of what is drawn: the same for all processes of a study.
        cache: as of `SentimentClassifier.fit`.
        verbose: whether to show on standard error what each trial is and gives.

    Raises:
        UsageError: for settings that make no sense, or another study than the file's.
        ResourceError: if the file can't be written.
    """

    def __init__(
        self,
        file: str | Path,
        reviews: Reviews,
        *,
        preset: str | Path = "textbook",
        options: Mapping[str, Any] | None = None,
        vary: Mapping[str, Variation] | None = None,
        vectors: str | Path = "imdb",
        seed: int = 0,
        cache: str | Path | None = None,
        verbose: bool = False,
    ) -> None:
        if str(vectors) == "train":
            raise UsageError(
                "Each trial would train the same word vectors. Train them once: sentiment-rnn "
                "vectors --out FILE.npz, and then --vectors FILE.npz"
            )
        self._file, self._reviews, self._preset = Path(file), reviews, preset
        # A random part shares films with what is learned from, and flatters large networks.
        self._options = {"validate_by": "film", **(options or {})}
        self._space = search_space(preset, {"seed": seed, **self._options}, vary or {})
        self._vectors, self._seed, self._cache, self._verbose = vectors, seed, cache, verbose
        about = {
            "texts": reviews.fingerprint(),
            "settings": {**find_preset(preset).changes_from(Preset()), **self._options},
            "search space": {name: str(values) for name, values in self._space.items()},
            "vectors": str(vectors),
            "seed": seed,
        }
        self._study = _open(self._file, about)

    def run(self, trials: int) -> None:
        """Trains until so many trials of the study have ended, those of other processes included.

        What has ended is in the file, whatever happens to this process.

        Args:
            trials: how many; those that were there before count. Processes that work on the last
                ones at the same time may make it more by one each.
        """
        while sum(one.state in ("complete", "pruned") for one in self.trials()) < trials:
            try:
                self._study.optimize(self._train, n_trials=1, gc_after_trial=True)
            except optuna.exceptions.StorageInternalError as error:
                raise ResourceError(f"Could not write {self._file}: {error}") from error

    def trials(self) -> list[Trial]:
        """All trials so far, in the order in which they began."""
        return [
            Trial(
                number=one.number,
                state=one.state.name.lower(),
                accuracy=max(one.intermediate_values.values(), default=None),
                epochs=len(one.intermediate_values),
                settings=one.params,
            )
            for one in self._study.get_trials(deepcopy=False)
        ]

    def best(self) -> Preset | None:
        """The settings of the trial with the best validation accuracy; None if none is complete."""
        complete = [one for one in self.trials() if one.state == "complete"]
        if not complete:
            return None
        best = max(complete, key=lambda one: one.accuracy or 0)
        return self._classifier(best.settings).settings()

    def importances(self) -> dict[str, float]:
        """How much each setting that varies has to do with being among the best trials.

        Returns:
            Shares that sum to 1 by name, the largest first; none as long as no complete trial is
            better than another.

        Source: Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter
        Importance in Arbitrary Subspaces", 2023.
        """
        accuracies = {one.accuracy for one in self.trials() if one.state == "complete"}
        if len(accuracies) < 2:
            return {}
        return optuna.importance.get_param_importances(self._study)

    def _classifier(self, drawn: Mapping[str, Any]) -> SentimentClassifier:
        return SentimentClassifier(
            self._preset, vectors=self._vectors, seed=self._seed, **self._options, **drawn
        )

    def _train(self, trial: optuna.Trial) -> float:
        # Each trial has random numbers of its own, in whatever process it is.
        seed = np.random.SeedSequence([self._seed, trial.number]).generate_state(1)[0]
        self._study.sampler = optuna.samplers.TPESampler(seed=int(seed))
        drawn = {name: _draw(trial, name, values) for name, values in self._space.items()}
        self._log(trial, _described(drawn))
        classifier = self._classifier(drawn)
        try:
            training = classifier.settings().training
        except UsageError as error:
            self._log(trial, f"left out: {error}")
            raise optuna.TrialPruned from error
        is_pruned = False

        def after_epoch(epoch: int, scores: Mapping[str, float]) -> bool:
            nonlocal is_pruned
            trial.report(scores["val_accuracy"], epoch)
            # After the last epoch there is no time to be won.
            is_pruned = epoch < training.epochs and trial.should_prune()
            return is_pruned

        started = time.perf_counter()
        try:
            classifier.fit(
                self._reviews.texts,
                self._reviews.labels,
                groups=self._reviews.groups,
                after_epoch=after_epoch,
                cache=self._cache,
            )
        except UsageError as error:
            # Such as a rate at which the loss is no number any more.
            self._log(trial, f"left out: {error}")
            raise optuna.TrialPruned from error
        if training.engine == "keras":
            import keras

            # What it remembers of each network would fill the memory.
            keras.utils.clear_session()
        accuracy = float(classifier.metrics_["validation"]["accuracy"])
        ended = "worse than others, ended early" if is_pruned else "complete"
        seconds = time.perf_counter() - started
        self._log(trial, f"validation accuracy {accuracy:.4f} in {seconds:.0f} s, {ended}")
        if is_pruned:
            raise optuna.TrialPruned
        return accuracy

    def _log(self, trial: optuna.Trial, message: str) -> None:
        if self._verbose:
            print(f"trial {trial.number}: {message}", file=sys.stderr)


def _described(settings: Mapping[str, Any]) -> str:
    """Settings on one line."""
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in settings.items()
    )


def _draw(trial: optuna.Trial, name: str, values: Variation) -> Any:
    if not isinstance(values, Range):
        return trial.suggest_categorical(name, values)
    if isinstance(values.low, int) and isinstance(values.high, int):
        return trial.suggest_int(name, values.low, values.high, log=values.log)
    return trial.suggest_float(name, values.low, values.high, log=values.log)


def _open(file: Path, about: Mapping[str, Any]) -> optuna.Study:
    """Goes on with a study that is about the same, or begins one."""
    # It reports every trial, and those that are interrupted with a traceback.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if set(str(file)) & set("?{}"):
        raise UsageError(f"Expected a name of a study without ?, {{ and }}. Received: {file}")
    try:
        if not file.exists():
            _make(file, about)
        _check_is_study(file)
    except OSError as error:
        raise ResourceError(f"Could not write {file}: {error.strerror or error}") from error
    study = _study(_connect(file))
    known = study.user_attrs.get("about", {})
    for name, value in about.items():
        if known.get(name) != value:
            raise UsageError(
                f"{file} compares trials with other {name}: take the same, or name another study.\n"
                f"{_difference(name, known.get(name), value)}"
            )
    return study


def _difference(name: str, known: object, received: object) -> str:
    """In what a study is about something else: of several settings those that differ.

    Example:
        >>> print(_difference("settings", {"units": 3, "maxlen": 9}, {"maxlen": 9, "layers": 2}))
        Expected: units 3, layers not given
        Received: units not given, layers 2
    """
    if name == "texts":
        # Their hashes say nothing to anyone.
        return "Expected the same texts and labels in the same order, of the same data and limit."
    if not isinstance(known, dict) or not isinstance(received, dict):
        return f"Expected: {known}\nReceived: {received}"
    names = [name for name in {**known, **received} if known.get(name) != received.get(name)]
    both = [
        ", ".join(f"{name} {side.get(name, 'not given')}" for name in names)
        for side in (known, received)
    ]
    return f"Expected: {both[0]}\nReceived: {both[1]}"


def _make(file: Path, about: Mapping[str, Any]) -> None:
    """Makes a study, unless another process is faster.

    While Optuna makes its tables, no other process may do so too.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.new-", dir=file.parent) as folder:
        new = Path(folder) / file.name
        storage = _connect(new)
        _study(storage).set_user_attr("about", dict(about))
        storage.remove_session()
        storage.engine.dispose()
        with suppress(FileExistsError):
            file.hardlink_to(new)


def _connect(file: Path) -> optuna.storages.RDBStorage:
    with warnings.catch_warnings():
        # The signs of life of a trial are what Optuna calls experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            return optuna.storages.RDBStorage(
                f"sqlite:///{file}", heartbeat_interval=_HEARTBEAT, grace_period=_GRACE
            )
        except RuntimeError as error:
            # Tables of another version of Optuna. It says how to bring them up to date.
            raise UsageError(f"{file}: {error}") from error


def _study(storage: optuna.storages.RDBStorage) -> optuna.Study:
    return optuna.create_study(
        storage=storage,
        study_name=_STUDY,
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(),
        load_if_exists=True,
    )


def _check_is_study(file: Path) -> None:
    """Raises an error before Optuna adds its tables to what is something else."""
    # Who may not write would hear of it only when the first trial begins.
    file.open("ab").close()
    try:
        with closing(sqlite3.connect(file)) as database:
            tables = {name for (name,) in database.execute("select name from sqlite_master")}
    except sqlite3.Error as error:
        raise UsageError(f"{file} is no study: {error}") from error
    if "studies" not in tables:
        raise UsageError(f"{file} is no study: it has no table of studies.")
