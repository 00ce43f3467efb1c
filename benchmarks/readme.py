"""Writes the figures of the last full run into the README: ``python -m benchmarks.readme``.

They come from ``benchmarks/results``, where ``sentiment-rnn benchmark --out benchmarks/results``
puts what it measured, and from nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.rendering import number
from benchmarks.worker import PEAK

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- figures: python -m benchmarks.readme -->", "<!-- end of figures -->"
# Each suite and the comparisons of it that are shown.
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
    "accuracy": ("speed of methods",),
    "preprocessing": ("tokenizing", "loading word vectors"),
    "characters": (
        "learning by 2 layers of 128 LSTM units",
        "learning by 2 layers of 512 LSTM units",
        "writing by 2 layers of 128 LSTM units",
    ),
}


def figures(results: Path = RESULTS) -> str:
    """The table, from the JSON files of a folder."""
    lines = ["| work | this package | others, times as long |", "|---|---|---|"]
    for suite, names in SHOWN.items():
        found = json.loads((results / f"{suite}.json").read_text(encoding="utf-8"))
        comparisons = {each["name"]: each for each in found["comparisons"]}
        lines += [_row(comparisons[name]) for name in names]
    return "\n".join(lines)


def _row(comparison: Mapping[str, Any]) -> str:
    first, *others = [side for side in comparison["sides"] if side["seconds"]]
    return f"| {comparison['name']} | {_own(first, comparison)} | {'; '.join(_others(others))} |"


def _own(side: Mapping[str, Any], comparison: Mapping[str, Any]) -> str:
    name = side["name"].removeprefix("this package").removeprefix(", ")
    speed = f"{number(side['median'])} s"
    if side["per_second"] is not None:
        speed = f"{number(side['per_second'])} {comparison['unit']}/s"
    return ", ".join(filter(None, [name, speed, _memory(side)]))


def _others(sides: list[Mapping[str, Any]]) -> Iterator[str]:
    for side in sides:
        yield " ".join(filter(None, [side["name"], f"**{number(side['ratio'])}**", _memory(side)]))


def _memory(side: Mapping[str, Any]) -> str:
    peak = side["figures"].get(PEAK)
    return "" if peak is None else f"{number(peak)} MB"


def fill(text: str, table: str) -> str:
    """The README with the table between its two marks.

    Raises:
        ValueError: if the marks aren't there.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"Expected the marks {BEGIN} and {END} in the README.")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(fill(text, figures()), encoding="utf-8")


if __name__ == "__main__":
    main()
