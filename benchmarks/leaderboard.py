"""What each network reaches, with several seeds: ``python -m benchmarks.leaderboard``.

A run is a line of ``benchmarks/results/leaderboard.jsonl``, written when it is done. What is there
is not done again: it can be stopped and started at any time, and on several machines one after the
other. Of a preset that has changed since, the lines count no more.

A part of the train reviews, whole films of them but for the textbook's, validates and chooses the
epoch. The test reviews are classified once, by the model that came out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.rendering import number
from benchmarks.settings import default_data
from sentiment_rnn._shipped import found_model
from sentiment_rnn.baselines import BaselineClassifier
from sentiment_rnn.datasets import load_data
from sentiment_rnn.presets import PRESETS, Preset

FILE = Path(__file__).parent / "results" / "leaderboard.jsonl"
SEEDS = 5

Run = dict[str, Any]


@dataclass(frozen=True)
class Network:
    """A network that is trained.

    Args:
        preset: where its settings begin.
        options: those that are changed.
        labels: how many train reviews it learns from, drawn by the seed; None for all.
    """

    preset: str
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: int | None = None

    def settings(self) -> dict[str, Any]:
        """What tells it from the defaults of all settings, and what it begins with."""
        changes = PRESETS[self.preset].replace(**self.options).changes_from(Preset())
        if self.labels is not None:
            changes["labels"] = self.labels
        if self.preset != "pretrained":
            return changes
        # Not of its card, which may say the same in other words.
        file = found_model(None, "pretrained") / "checksums.json"
        checksums = json.loads(file.read_text(encoding="utf-8"))
        learned = [checksums[name] for name in ("model.weights.h5", "word_vectors.npz")]
        return {**changes, "pretrained": hashlib.sha256("".join(learned).encode()).hexdigest()[:12]}

    def train(self, data: str, seed: int, keep: Path | None = None) -> Run:
        """Trains it in a process of its own, and keeps the model in a folder, if there is one."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "model"
            command = [sys.executable, "-m", "sentiment_rnn", "train", "--data", data]
            command += ["--preset", self.preset, "--seed", str(seed), "--out", str(folder)]
            for option, value in self.options.items():
                option = option.replace("_", "-")
                if isinstance(value, bool):
                    command.append(f"--{option}" if value else f"--no-{option}")
                else:
                    command += [f"--{option}", str(value)]
            if self.labels is not None:
                command += ["--limit", str(self.labels)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            log = (folder.parent / "runs.jsonl").read_text(encoding="utf-8")
            (done,) = map(json.loads, log.splitlines())
            size = sum(path.stat().st_size for path in folder.iterdir())
            if keep is not None:
                shutil.copytree(folder, keep, dirs_exist_ok=True)
        return {
            "parameters": done["parameters"],
            "validation": done["metrics"]["validation"]["accuracy"],
            "test": done["metrics"]["test"]["accuracy"],
            "seconds": done["seconds"],
            "texts_per_second": done["metrics"]["test"]["texts_per_second"],
            "bytes": size,
        }


@dataclass(frozen=True)
class Baseline:
    """A classifier without a network. It has no chance in it, and for all labels one seed will do.

    Args:
        method: as of `BaselineClassifier`.
        labels: as of `Network`.
    """

    method: str
    labels: int | None = None

    def settings(self) -> dict[str, Any]:
        """Its name, and how much it learns from."""
        found: dict[str, Any] = {"method": self.method}
        return found if self.labels is None else {**found, "labels": self.labels}

    def train(self, data: str, seed: int, keep: Path | None = None) -> Run:
        """Learns from four fifths to be validated, and from all to be tested."""
        train, test = load_data(data)
        assert test is not None
        if self.labels is not None:
            train = train.limit(self.labels, seed)
        started = time.perf_counter()
        baseline = BaselineClassifier(self.method, seed=seed)
        baseline.fit(train.texts, train.labels, groups=train.groups)
        seconds = time.perf_counter() - started
        scores = baseline.evaluate(test.texts, test.labels)
        return {
            "validation": baseline.metrics_["validation"]["accuracy"],
            "test": scores["accuracy"],
            "seconds": round(seconds, 1),
            "texts_per_second": scores["texts_per_second"],
        }


_NUMPY = {"engine": "numpy"}
_PLAIN = {"adversarial": 0.0}
# The network of the preset pretrained, which begins with nothing.
_LIKE_PRETRAINED = PRESETS["pretrained"].changes_from(PRESETS["recommended"]) | _PLAIN
ENTRIES: dict[str, Network | Baseline] = {
    "textbook": Network("textbook", _NUMPY),
    "textbook, 25 units": Network("textbook", {**_NUMPY, "units": 25}),
    "textbook, 100 units": Network("textbook", {**_NUMPY, "units": 100}),
    "textbook, LSTM": Network("textbook", {**_NUMPY, "cell": "lstm"}),
    "textbook, GRU": Network("textbook", {**_NUMPY, "cell": "gru"}),
    "bidirectional": Network("bidirectional", _NUMPY),
    "stateful": Network("stateful", _NUMPY),
    "recommended": Network("recommended"),
    "LSTM(256), forwards": Network("recommended", _LIKE_PRETRAINED),
    "pretrained, not adversarial": Network("pretrained", _PLAIN),
    "pretrained": Network("pretrained"),
    "TF-IDF, 1-2-grams, logistic regression": Baseline("tfidf"),
    "NB-SVM, 1-3-grams": Baseline("nbsvm"),
}

LABELS = (100, 300, 1000)
# With few labels a network needs smaller batches and more passes to take as many steps.
_PASSES = dict(zip(LABELS, (40, 24, 8), strict=True))
_FEW: dict[int, dict[str, Any]] = {
    labels: {"batch_size": 16, "epochs": passes, "patience": passes}
    for labels, passes in _PASSES.items()
}
FEW_LABELS: dict[str, dict[int, Network | Baseline]] = {
    "pretrained": {labels: Network("pretrained", _FEW[labels], labels) for labels in LABELS},
    "recommended": {labels: Network("recommended", _FEW[labels], labels) for labels in LABELS},
    "TF-IDF, 1-2-grams, logistic regression": {n: Baseline("tfidf", n) for n in LABELS},
    "NB-SVM, 1-3-grams": {labels: Baseline("nbsvm", labels) for labels in LABELS},
}
ALL = ENTRIES | {
    f"{name}, {labels} labels": entry
    for name, entries in FEW_LABELS.items()
    for labels, entry in entries.items()
}


def read(file: Path = FILE, entries: Mapping[str, Network | Baseline] = ALL) -> list[Run]:
    """The runs that count: those of entries whose settings are as they were."""
    if not file.is_file():
        return []
    runs = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    settings = {name: entry.settings() for name, entry in entries.items()}
    return [run for run in runs if settings.get(run["name"]) == run["settings"]]


def complete(
    data: str,
    names: Sequence[str],
    seeds: int,
    *,
    file: Path = FILE,
    entries: Mapping[str, Network | Baseline] = ALL,
    models: Path | None = None,
) -> Generator[Run]:
    """Trains what is missing, seed by seed, and writes each run down when it is done.

    Args:
        data: as `load_data` takes it.
        names: of entries.
        seeds: how many, from 0.
        file: where the runs are.
        entries: all there are.
        models: a folder for the trained models, ``NAME-SEED``; None to keep none.

    Yields:
        The new runs.
    """
    done = {(run["name"], run["seed"]) for run in read(file, entries)}
    for seed in range(seeds):
        for name in names:
            entry = entries[name]
            always_the_same = isinstance(entry, Baseline) and entry.labels is None
            if (name, seed) in done or (seed and always_the_same):
                continue
            print(f"{name}, seed {seed}", file=sys.stderr)
            found = entry.train(data, seed, None if models is None else models / f"{name}-{seed}")
            run = {"name": name, "seed": seed, "settings": entry.settings(), **found}
            run |= {"version": version("sentiment_rnn"), "date": time.strftime("%Y-%m-%d")}
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(run, sort_keys=True) + "\n")
            yield run


def table(
    runs: Sequence[Run], entries: Mapping[str, Network | Baseline] = ENTRIES
) -> list[list[str]]:
    """Rows of means, with the standard deviation behind ± where there are several seeds.

    Returns:
        A row for each entry that has runs, in the order of the entries: its name, seeds,
        parameters, accuracies in validation and test, minutes of training, reviews per second and
        megabytes.
    """
    rows = []
    for name in entries:
        of_entry = [run for run in runs if run["name"] == name]
        if not of_entry:
            continue
        first = of_entry[0]
        # Of a run that was suspended it isn't known.
        seconds = [run["seconds"] for run in of_entry if run["seconds"] is not None]
        rows.append(
            [
                name,
                str(len(of_entry)),
                f"{first['parameters']:,}" if "parameters" in first else "",
                *(_spread([run[part] for run in of_entry]) for part in ("validation", "test")),
                number(statistics.median(seconds) / 60) if seconds else "",
                number(statistics.median(run["texts_per_second"] for run in of_entry)),
                number(first["bytes"] / 1e6) if "bytes" in first else "",
            ]
        )
    return rows


def few_labels(runs: Sequence[Run]) -> list[list[str]]:
    """Rows of test accuracies with few labels, the first of them the head."""
    rows = [["network", *(f"{labels:,} labels" for labels in LABELS)]]
    for name in FEW_LABELS:
        row = [name]
        for labels in LABELS:
            found = [run["test"] for run in runs if run["name"] == f"{name}, {labels} labels"]
            row.append(_spread(found) if found else "")
        rows.append(row)
    return rows


HEAD = [
    "network",
    "seeds",
    "parameters",
    "validation",
    "test",
    "minutes of training",
    "reviews/s",
    "MB",
]


def _spread(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.4f}"
    return f"{mean} ± {statistics.stdev(values):.4f}" if len(values) > 1 else mean


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaderboard", description=__doc__)
    parser.add_argument("--data", default=default_data(), help="as of sentiment-rnn train")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many ({SEEDS})")
    parser.add_argument("--only", action="append", choices=tuple(ALL), help="what to train")
    parser.add_argument("--file", type=Path, default=FILE, help="where the runs are kept")
    parser.add_argument("--models", type=Path, metavar="DIR", help="keep the models in DIR")
    options = parser.parse_args()
    names = options.only or list(ALL)
    for _ in complete(options.data, names, options.seeds, file=options.file, models=options.models):
        pass
    runs = read(options.file)
    for row in [HEAD, *table(runs), [], *few_labels(runs)]:
        print(" | ".join(row))


if __name__ == "__main__":
    main()
