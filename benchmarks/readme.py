"""Writes the figures of each suite's last run into the README and the documentation.

``python -m benchmarks.readme`` takes them from ``benchmarks/results``, where ``sentiment-rnn
benchmark --out benchmarks/results`` puts what it measured, and from the folders of the models that
come with the package; and from nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import leaderboard
from benchmarks.rendering import number
from benchmarks.worker import PEAK

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
# The tables of each page.
PAGES = {
    "README.md": ("fastest", "leaderboard"),
    "docs/speed.md": ("speed",),
    "docs/models.md": ("shipped", "writer", "leaderboard", "few", "methods"),
}
# Each suite and the comparisons of it whose speed is shown.
SHOWN = {
    "training": (
        "training SimpleRNN(50) from ids",
        "training LSTM(50) from ids",
        "training LSTM(128) on whole reviews",
        "training SimpleRNN(50) from texts",
    ),
    "startup": ("from reviews to a tested model", "the first step of training", "a cold start"),
    "prediction": (
        "prediction by SimpleRNN(50) from ids",
        "prediction by SimpleRNN(50) from text",
    ),
    "preprocessing": ("tokenizing", "loading word vectors"),
    "characters": (
        "learning by 2 layers of 128 LSTM units",
        "learning by 2 layers of 512 LSTM units",
        "writing by 2 layers of 128 LSTM units",
    ),
}


# Those of them that the README shows.
FASTEST = (
    "training SimpleRNN(50) from texts",
    "training LSTM(128) on whole reviews",
    "a cold start",
    "prediction by SimpleRNN(50) from text",
    "writing by 2 layers of 128 LSTM units",
)


def tables(results: Path = RESULTS) -> dict[str, str]:
    """What stands between the marks of the pages, by their names."""
    runs = leaderboard.read()
    few_head, *few = leaderboard.few_labels(runs)
    return {
        "shipped": _shipped("distilled", "large", "largest", "textbook"),
        "writer": _writer("shakespeare"),
        "speed": _speed(results, [name for names in SHOWN.values() for name in names]),
        "fastest": _speed(results, FASTEST),
        "leaderboard": _table(leaderboard.HEAD, leaderboard.table(runs)),
        "few": _table(few_head, few),
        "methods": _methods(
            _measured("accuracy", "accuracy of methods", results),
            _measured("accuracy", "speed of methods", results),
        ),
    }


def fill(text: str, found: Mapping[str, str]) -> str:
    """A page with each table between its two marks.

    Raises:
        ValueError: if marks are missing.
    """
    for name, table in found.items():
        begin, end = f"<!-- {name}: python -m benchmarks.readme -->", f"<!-- end of {name} -->"
        before, found_begin, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not found_begin or not found_end:
            raise ValueError(f"Expected the marks {begin} and {end} in the page.")
        text = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return text


def filled(page: str, found: Mapping[str, str]) -> str:
    """One of `PAGES` with its tables."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return fill(text, {name: found[name] for name in PAGES[page]})


def _metrics(model: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (ROOT / "models" / model / "metrics.json").read_text(encoding="utf-8")
    )
    return found


def _shipped(*models: str) -> str:
    names = ("accuracy", "roc_auc", "log_loss", "calibration_error")
    rows = [
        [model, part, f"{scores['texts']:,}", *(f"{scores[name]:.4f}" for name in names)]
        for model in models
        for part, scores in _metrics(model).items()
    ]
    return _table(["model", "part", "texts", *(name.replace("_", " ") for name in names)], rows)


def _writer(model: str) -> str:
    bits = _metrics(model)["bits_per_character"]["validation"]
    return _table(
        ["model", "bits per character, validation", "perplexity"],
        [[model, f"{bits:.3f}", f"{2**bits:.2f}"]],
    )


def _measured(suite: str, comparison: str, results: Path) -> dict[str, Any]:
    """A comparison without the sides that were skipped, and the ceiling of its machine."""
    found = json.loads((results / f"{suite}.json").read_text(encoding="utf-8"))
    (chosen,) = [each for each in found["comparisons"] if each["name"] == comparison]
    sides = [side for side in chosen["sides"] if side["seconds"]]
    return {**chosen, "sides": sides, "ceiling": found["machine"]["ceiling_gflops"]}


def _speed(results: Path, chosen: Collection[str]) -> str:
    rows = []
    for suite, names in SHOWN.items():
        for name in filter(chosen.__contains__, names):
            comparison = _measured(suite, name, results)
            first, *others = comparison["sides"]
            ceiling = number(comparison["ceiling"])
            rows.append([name, _own(first, comparison), "; ".join(_others(others)), ceiling])
    return _table(["work", "this package", "others, times as long", "GFLOP/s"], rows)


def _own(side: Mapping[str, Any], comparison: Mapping[str, Any]) -> str:
    name = side["name"].removeprefix("this package").removeprefix(", ")
    speed = f"{number(side['median'])} s"
    if side["per_second"] is not None:
        speed = f"{number(side['per_second'])} {comparison['unit']}/s"
    return " ".join(filter(None, [f"{name}," if name else "", speed, _memory(side)]))


def _others(sides: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for side in sides:
        ratio = f"**{number(side['ratio'])}**"
        yield " ".join(filter(None, [side["name"], ratio, _memory(side)]))


def _memory(side: Mapping[str, Any]) -> str:
    peak = side["figures"].get(PEAK)
    return "" if peak is None else f"({number(peak)} MB)"


def _methods(accuracy: Mapping[str, Any], speed: Mapping[str, Any]) -> str:
    speeds = {side["name"]: side["per_second"] for side in speed["sides"]}
    rows = [
        [side["name"], f"{side['figures']['accuracy']:.4f}", number(speeds[side["name"]])]
        for side in accuracy["sides"]
    ]
    return _table(["method", "test accuracy", "reviews/s from raw text"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    found = tables()
    for page in PAGES:
        (ROOT / page).write_text(filled(page, found), encoding="utf-8")


if __name__ == "__main__":
    main()
