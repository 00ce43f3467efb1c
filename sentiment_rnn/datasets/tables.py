"""Labelled reviews from a table: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn.datasets.reviews import Reviews
from sentiment_rnn.errors import DataError, ResourceError, UsageError

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")

# The csv module stops at 131,072 characters, which a long review can have.
MAX_FIELD_CHARACTERS = 1 << 24
# A Parquet file can claim any amount of text. Reviews pack to a third or so; this is far above it.
MAX_UNPACKED_RATIO = 100
# Small files may repeat one text often.
MIN_UNPACKED_BYTES = 1 << 28

_LABELS = {
    "0": 0,
    "1": 1,
    "false": 0,
    "true": 1,
    "neg": 0,
    "pos": 1,
    "negative": 0,
    "positive": 1,
}

# Where a row lies, for messages, and its values in the order of the columns asked for.
_Row = tuple[str, list[object]]


def load_table(
    path: str | os.PathLike[str],
    *,
    text_column: str = "text",
    label_column: str = "label",
    group_column: str | None = None,
    positive_from: float | None = None,
) -> Reviews:
    r"""Reads a table with a row a review.

    Args:
        path: a ``.csv`` or ``.tsv`` file with a header, ``.jsonl`` or ``.ndjson`` with an object
            a line, or ``.parquet``. Text files are UTF-8.
        text_column: name of the column with the review.
        label_column: name of the column with the label: 0 or 1, false or true, neg or pos,
            negative or positive in any case, or a star rating.
        group_column: name of the column that says what the review is of, if there is one.
        positive_from: the cut between star ratings: from this one on a review is positive, below
            it negative. Given, all labels must be numbers, which are kept as ``ratings``.

    Raises:
        ResourceError: if the file is missing or can't be read.
        UsageError: for another kind of file, or Parquet without pyarrow.
        DataError: naming the row, for anything in the table that is not as said here.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "reviews.csv")
        ...     _ = file.write_text('text,stars\n"Slow, dull",3\nA joy,9\n')
        ...     reviews = load_table(file, label_column="stars", positive_from=7)
        >>> reviews.texts, reviews.labels, reviews.ratings
        (['Slow, dull', 'A joy'], array([0, 1]), array([3, 9]))
    """
    path = Path(path)
    if positive_from is not None and not math.isfinite(positive_from):
        raise UsageError(f"positive_from must be a finite number. Received: {positive_from}")
    columns = [text_column, label_column] + ([] if group_column is None else [group_column])
    texts: list[str] = []
    labels: list[int] = []
    ratings: list[float] = []
    names: list[str] = []
    groups: list[int] = []
    codes: dict[object, int] = {}
    try:
        with closing(_read(path, columns)) as rows:
            for where, values in rows:
                texts.append(_text(values[0], f"{path}, {where}", text_column))
                if positive_from is None:
                    labels.append(_label(values[1], f"{path}, {where}"))
                else:
                    ratings.append(_rating(values[1], f"{path}, {where}", positive_from))
                    labels.append(int(ratings[-1] >= positive_from))
                if group_column is not None:
                    groups.append(_group(values[2], f"{path}, {where}", group_column, codes))
                names.append(where)
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(f"Could not read {path}: {error.strerror or error}") from error
    if not texts:
        raise DataError(f"{path} has no rows. Expected a review a row.")
    if len(set(labels)) == 1:
        kind = "positive" if labels[0] else "negative"
        raise DataError(
            f"{path}: all reviews are {kind}, from {names[0]} to {names[-1]}. "
            "Expected reviews of both kinds."
        )
    return Reviews(
        texts=texts,
        labels=np.array(labels),
        ratings=None if positive_from is None else _compact(ratings),
        groups=None if group_column is None else np.array(groups),
        names=names,
    )


def _read(path: Path, columns: list[str]) -> Generator[_Row, None, None]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _read_csv(path, columns, ",")
    if suffix == ".tsv":
        return _read_csv(path, columns, "\t")
    if suffix in (".jsonl", ".ndjson"):
        return _read_json_lines(path, columns)
    if suffix == ".parquet":
        return _read_parquet(path, columns)
    raise UsageError(f"{path}: expected a table whose name ends in {', '.join(TABLE_SUFFIXES)}.")


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file with their ends as they are."""
    # Surrogates stand for undecodable bytes until their line is known.
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for number, line in enumerate(file, start=1):
            if not line.isascii() and not _is_unicode(line):
                raise DataError(f"{path}, line {number} is not UTF-8 text.")
            yield line


def _read_csv(path: Path, columns: list[str], delimiter: str) -> Generator[_Row, None, None]:
    reader = csv.reader(_lines(path), delimiter=delimiter, strict=True)
    line, row = 1, 0
    # The limit is the whole process's.
    limit_before = csv.field_size_limit(MAX_FIELD_CHARACTERS)
    try:
        header = next(reader, [])
        if not header:
            raise DataError(f"{path} is empty. Expected a header with {_quoted(columns)}.")
        _check_columns(f"{path}, line 1", columns, header)
        positions = [header.index(column) for column in columns]
        line = reader.line_num + 1
        for values in reader:
            if values:
                row += 1
                where = f"row {row} (line {line})"
                if len(values) != len(header):
                    raise DataError(
                        f"{path}, {where} has {len(values)} fields. "
                        f"Expected {len(header)}, as in the header."
                    )
                yield where, [values[position] for position in positions]
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, row {row + 1} (line {line}): {error}.\n"
            "A field with quotation marks or line breaks is quoted, the marks in it doubled."
        ) from error
    finally:
        csv.field_size_limit(limit_before)


def _read_json_lines(path: Path, columns: list[str]) -> Generator[_Row, None, None]:
    row = 0
    for line, text in enumerate(_lines(path), start=1):
        if not text.strip():
            continue
        row += 1
        where = f"row {row} (line {line})"
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, {where} is not valid JSON: {error}") from error
        if not isinstance(values, dict):
            raise DataError(f"{path}, {where} is {text.strip()[:40]!r}. Expected a JSON object.")
        _check_columns(f"{path}, {where}", columns, list(values))
        yield where, [values[column] for column in columns]


def _read_parquet(path: Path, columns: list[str]) -> Generator[_Row, None, None]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            f'Reading {path} needs pyarrow: pip install "sentiment_rnn[parquet]"'
        ) from error
    # Opened here: pyarrow has the same OSError for a missing file and for a damaged one.
    with open(path, "rb") as opened:
        try:
            schema = pyarrow.parquet.read_schema(opened)
            _check_columns(str(path), columns, schema.names)
            # A text that comes often is held once, whatever the file makes of it.
            texts = [name for name in columns if pyarrow.types.is_string(schema.field(name).type)]
            file = pyarrow.parquet.ParquetFile(opened, read_dictionary=texts)
            row, unpacked = 0, 0
            most = max(MIN_UNPACKED_BYTES, MAX_UNPACKED_RATIO * path.stat().st_size)
            for batch in file.iter_batches(columns=columns):
                unpacked += sum(_size(batch[name]) for name in columns)
                if unpacked > most:
                    raise DataError(f"{path} unpacks to more than {most:,} bytes.")
                for values in zip(*(batch[name].to_pylist() for name in columns), strict=True):
                    row += 1
                    yield f"row {row}", list(values)
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} is not a valid Parquet file: {error}") from error


def _size(column: Any) -> int:
    """Bytes of a column of Arrow's once it is Python's."""
    import pyarrow
    import pyarrow.compute

    if not pyarrow.types.is_dictionary(column.type):
        return column.nbytes
    lengths = pyarrow.compute.binary_length(column.dictionary)
    return pyarrow.compute.sum(lengths.take(column.indices)).as_py() or 0


def _check_columns(where: str, columns: list[str], present: Sequence[str]) -> None:
    for column in columns:
        if column not in present:
            raise DataError(f"{where} has no column {column!r}. Present: {_quoted(present)}")
        if present.count(column) > 1:
            raise DataError(f"{where} has the column {column!r} more than once.")


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:20])
    return shown + (", …" if len(names) > 20 else "")


def _text(value: object, where: str, column: str) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise DataError(f"{where}: {column!r} is empty. Expected a text.")
    if not isinstance(value, str):
        raise DataError(f"{where}: {column!r} is {value!r:.40}. Expected a text.")
    if not _is_unicode(value):
        raise DataError(f"{where}: {column!r} holds half a surrogate pair. Expected Unicode text.")
    return value


def _label(value: object, where: str) -> int:
    label = _LABELS.get(str(value).strip().lower())
    if label is not None:
        return label
    number = _number(value)
    if number is None:
        raise DataError(
            f"{where}: unknown label {value!r:.40}. Expected 0 or 1, neg or pos, negative or "
            "positive, false or true,\nor a star rating and, as positive_from, the lowest "
            "positive one."
        )
    if number in (0, 1):
        return int(number)
    raise DataError(
        f"{where}: the label {value!r:.40} looks like a star rating. State the lowest positive one "
        "as positive_from: 7, for example."
    )


def _rating(value: object, where: str, positive_from: float) -> float:
    number = None if isinstance(value, bool) else _number(value)
    if number is None:
        raise DataError(
            f"{where}: unknown label {value!r:.40}. Expected a star rating, as positive_from is "
            f"{positive_from}."
        )
    return number


def _number(value: object) -> float | None:
    if not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _group(value: object, where: str, column: str, codes: dict[object, int]) -> int:
    if value is None or value == "":
        raise DataError(f"{where}: {column!r} is empty. Expected what the review is of.")
    # JSON's 1 and true are one key in Python; as text they differ, and lists have a text too.
    return codes.setdefault(str(value), len(codes))


def _compact(ratings: list[float]) -> np.ndarray:
    """Whole numbers as integers, half stars as they are."""
    exact = np.array(ratings)
    whole = bool(np.all(exact == np.round(exact)) and np.all(np.abs(exact) < 2**53))
    return exact.astype(np.int64) if whole else exact


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
