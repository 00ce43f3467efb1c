"""What a command writes: predictions, and tables."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from sentiment_rnn._files import atomic_file
from sentiment_rnn.errors import UsageError
from sentiment_rnn.prediction import Explanation, Prediction

# Backgrounds of a terminal with 256 colours, from faint to strong: orange and blue, which differ
# for every kind of colour vision.
_ORANGES, _BLUES = (223, 216, 208), (153, 111, 75)
# Those that turn the direction of writing, and halves of surrogate pairs, show other than they are.
_CONTROL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def refuse_same_file(read: Path | None, written: Path | None, option: str) -> None:
    """Refuses to write over what is read."""
    if read is None or written is None or not read.is_file() or not written.is_file():
        return
    if read.samefile(written):
        raise UsageError(f"{written} is what is read: name another file in {option}.")


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
    if kind == "text":
        for one in predictions:
            end = "\t(truncated)" if one.truncated else ""
            file.write(
                f"{printable(one.label)}\t{one.probability:.4f}\t{printable(one.text)}{end}\n"
            )
    elif kind == "csv":
        from sentiment_rnn.datasets.tables import write_csv

        write_csv(file, [["text", "label", "probability", "truncated"]])
        write_csv(
            file,
            (
                [one.text, one.label, round(one.probability, 6), one.truncated]
                for one in predictions
            ),
        )
    else:
        # An explanation is written as the prediction that it is.
        _write_json(map(Prediction.as_dict, predictions), kind, file)


def write_explanations(explanations: Iterable[Explanation], kind: str, file: TextIO) -> None:
    """Writes explanations as text, JSON or JSON lines.

    On a terminal the text is coloured by what its tokens add; elsewhere there is a line for each.
    """
    if kind == "text":
        for explanation in explanations:
            end = "\t(truncated)" if explanation.truncated else ""
            file.write(f"{printable(explanation.label)}\t{explanation.probability:.4f}{end}\n")
            file.write(_coloured(explanation) if _has_colours(file) else _listed(explanation))
            file.write("\n\n")
        return
    _write_json((explanation.as_dict() for explanation in explanations), kind, file)


def _write_json(rows: Iterable[dict[str, Any]], kind: str, file: TextIO) -> None:
    # What can't write every character has JSON's own way of writing them.
    ensure_ascii = (file.encoding or "utf-8").lower().replace("_", "-") != "utf-8"
    lines = (json.dumps(row, ensure_ascii=ensure_ascii) for row in rows)
    if kind == "jsonl":
        file.writelines(line + "\n" for line in lines)
        return
    file.write("[")
    for number, line in enumerate(lines):
        file.write((",\n " if number else "") + line)
    file.write("]\n")


def printable(text: str) -> str:
    r"""A text without characters that would move a terminal's cursor, or worse.

    Example:
        >>> print(printable("a\x1b[2J\tb\n\u202e"))
        a\x1b[2J	b\x0a\u202e
    """

    def number(match: re.Match[str]) -> str:
        code = ord(match[0])
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

    return _CONTROL.sub(number, text)


def _has_colours(file: TextIO) -> bool:
    """Whether to colour what is written; as the conventions of NO_COLOR and FORCE_COLOR have it."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or file.isatty()


def _coloured(explanation: Explanation) -> str:
    text, tokens = explanation.text, explanation.tokens
    most = max((abs(token.contribution or 0) for token in tokens), default=0)
    parts, end = [], 0
    for token in tokens:
        parts.append(text[end : token.start])
        shown, end = printable(text[token.start : token.end]), token.end
        # A third of the strongest, two thirds, and more.
        strength = round(3 * abs(token.contribution or 0) / most) if most else 0
        if token.contribution is None:
            shown = f"\x1b[2m{shown}\x1b[0m"
        elif strength:
            colour = (_BLUES if token.contribution > 0 else _ORANGES)[strength - 1]
            shown = f"\x1b[38;5;16;48;5;{colour}m{shown}\x1b[0m"
        parts.append(shown)
    parts.append(text[end:])
    # Between tokens there is white space, and tags that are lines.
    return "".join(part if part.startswith("\x1b") else _spaced(part) for part in parts)


def _spaced(text: str) -> str:
    return printable(re.sub(r"\s+", " ", text))


def _listed(explanation: Explanation) -> str:
    rows = [
        [
            printable(explanation.text[token.start : token.end]),
            f"{token.probability:.3f}",
            "not read" if token.contribution is None else f"{token.contribution:+.2f}",
        ]
        for token in explanation.tokens
    ]
    probability = "probability"
    if len(explanation.class_names) > 2:
        probability += f" of {printable(explanation.label)}"
    return format_table(["token", probability, "contribution"], rows)


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


def format_table(head: list[str], rows: list[list[str]], *, text: Collection[str] = ()) -> str:
    """Columns as wide as their widest cell, the first flush left, the others right.

    Args:
        head: what the columns are called.
        rows: their cells.
        text: other columns that are flush left, as they hold text of any length.

    Example:
        >>> print(format_table(["part", "texts"], [["test", "25,000"]]))
        part   texts
        test  25,000
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    left = [place == 0 or name in text for place, name in enumerate(head)]
    lines = []
    for row in [head, *rows]:
        cells = [
            cell.ljust(width) if is_left else cell.rjust(width)
            for cell, width, is_left in zip(row, widths, left, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
