"""What a command writes: predictions, and tables."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from sentiment_rnn._files import atomic_file
from sentiment_rnn.prediction import Prediction


@contextmanager
def open_output(path: Path | None) -> Iterator[TextIO]:
    """Yields the file to write to, which comes to be when all is written; or standard output."""
    with nullcontext() if path is None else atomic_file(path) as temporary:
        if temporary is None:
            yield sys.stdout
        else:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                yield file


def write_predictions(predictions: Iterable[Prediction], kind: str, file: TextIO) -> None:
    """Writes predictions as text, CSV, JSON or JSON lines."""
    rows = (
        {**dataclasses.asdict(prediction), "probability": round(prediction.probability, 6)}
        for prediction in predictions
    )
    if kind == "text":
        for row in rows:
            end = "\t(truncated)" if row["truncated"] else ""
            file.write(f"{row['label']}\t{row['probability']:.4f}\t{row['text']}{end}\n")
    elif kind == "csv":
        columns = [column.name for column in dataclasses.fields(Prediction)]
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    elif kind == "jsonl":
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        file.write("[")
        for number, row in enumerate(rows):
            file.write((",\n " if number else "") + json.dumps(row, ensure_ascii=False))
        file.write("]\n")


def format_scores(metrics: dict[str, dict[str, Any]]) -> str:
    """A table of the scores of each part of the data."""
    names = ("accuracy", "roc_auc", "f1", "log_loss", "calibration_error", "texts_per_second")
    shown = [name for name in names if any(scores.get(name) for scores in metrics.values())]
    rows = []
    for part, scores in metrics.items():
        figures = [scores.get(name) for name in shown]
        cells = ["" if figure is None else f"{figure:,.4g}" for figure in figures]
        rows.append([part, f"{scores['texts']:,}", *cells])
    return format_table(["part", "texts", *(name.replace("_", " ") for name in shown)], rows)


def format_table(head: list[str], rows: list[list[str]]) -> str:
    """Columns as wide as their widest cell, the first flush left.

    Example:
        >>> print(format_table(["part", "texts"], [["test", "25,000"]]))
        part   texts
        test  25,000
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
