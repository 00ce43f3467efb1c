"""Tables of texts, CSV, TSV, JSON lines or Parquet: read whole, with labels, or part by part.

And CSV written, so that every reader finds the same rows in it.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from sentiment_rnn._cache import hash_of_texts
from sentiment_rnn._files import disk_errors
from sentiment_rnn.datasets.reviews import Reviews
from sentiment_rnn.errors import DataError, ResourceError, UsageError

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_SUFFIXES = ", ".join(TABLE_SUFFIXES)
# Which columns a table is asked for, in their order; each is named by the argument of that name.
_COLUMNS = ("text_column", "label_column", "group_column")

# The csv module stops at 131,072 characters, which a long review can have.
MAX_FIELD_CHARACTERS = 1 << 24
# A Parquet file can claim any amount of text. Reviews pack to a third or so; this is far above it.
MAX_UNPACKED_RATIO = 100
# Small files may repeat one text often.
MIN_UNPACKED_BYTES = 1 << 28

# A part of a table ends behind so many characters, or some more: long texts fit into memory too.
PART_CHARACTERS = 1 << 24

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


class _Place(NamedTuple):
    """Where a row begins: its number and line, both from 1, and its first byte.

    In Parquet a row's number says it all.
    """

    row: int = 1
    line: int = 1
    offset: int = 0


# Where a row lies, for messages, and its values in the order of the columns asked for.
_Row = tuple[str, _Place, list[object]]


class TablePart(NamedTuple):
    """Some rows of a table, in a row, and where they begin.

    Args:
        path: the table.
        row: number of the first of them, from 1; likewise its line and, from 0, its byte.
        line: see `row`; of a text file only.
        offset: see `row`; of a text file only.
        rows: how many they are.
        digest: SHA-256 of their texts, in hexadecimal.
    """

    path: str
    row: int
    line: int
    offset: int
    rows: int
    digest: str


def load_table(
    path: str | os.PathLike[str],
    *,
    text_column: str = "text",
    label_column: str = "label",
    group_column: str | None = None,
    positive_from: float | None = None,
    multiclass: bool = False,
    classes: Sequence[int] | Sequence[str] | None = None,
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
        multiclass: whether each different label is a class: a whole number if all of them are
            written as such, such as 7 or 7.0, otherwise a string.
        classes: those of a model that is to be evaluated: where they are strings labels are
            strings as well, and all reviews may be of one class.

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
    if positive_from is not None and multiclass:
        raise UsageError(
            f"Either positive_from={positive_from:g} cuts the labels in two, or multiclass=True "
            "makes each of them a class."
        )
    if text_column == label_column:
        raise UsageError(
            f"text_column={text_column} and label_column={label_column} are one: the text would "
            "tell its label. Expected two columns."
        )
    columns = [text_column, label_column] + ([] if group_column is None else [group_column])
    texts: list[str] = []
    labels: list[Any] = []
    ratings: list[float] = []
    names: list[str] = []
    groups: list[int] = []
    codes: dict[object, int] = {}
    with _rows(path, columns) as rows:
        for where, _, values in rows:
            texts.append(_text(values[0], f"{path}, {where}", text_column))
            if multiclass:
                labels.append(_class(values[1], f"{path}, {where}"))
            elif positive_from is None:
                labels.append(_label(values[1], f"{path}, {where}"))
            else:
                ratings.append(_rating(values[1], f"{path}, {where}", positive_from))
                labels.append(int(ratings[-1] >= positive_from))
            if group_column is not None:
                groups.append(_group(values[2], f"{path}, {where}", group_column, codes))
            names.append(where)
    if not texts:
        raise DataError(f"{path} has no rows. Expected a review a row.")
    if len(set(labels)) == 1 and classes is None:
        kind = repr(labels[0]) if multiclass else "positive" if labels[0] else "negative"
        raise DataError(
            f"{path}: all reviews are {kind}, from {names[0]} to {names[-1]}. "
            f"Expected reviews of {'several' if multiclass else 'both'} kinds."
        )
    if multiclass and not are_strings(classes):
        numbers = {label: _whole_number(label) for label in set(labels)}
        # One that is no number leaves all the strings that they are.
        labels = labels if None in numbers.values() else [numbers[label] for label in labels]
    return Reviews(
        texts=texts,
        labels=np.array(labels, str if are_strings(classes) else None),
        ratings=None if positive_from is None else _compact(ratings),
        groups=None if group_column is None else np.array(groups),
        names=names,
    )


def are_strings(classes: Sequence[int] | Sequence[str] | None) -> bool:
    """Whether these are the classes of a model that has strings for them."""
    return classes is not None and isinstance(classes[0], str)


def load_texts(path: str | os.PathLike[str], *, text_column: str = "text") -> list[str]:
    """Reads the texts of a table, whatever else is in it.

    Args:
        path: as of `load_table`.
        text_column: name of the column with the texts.

    Returns:
        The text of each row.

    Raises:
        ResourceError: if the file is missing or can't be read.
        DataError: if it is no such table, has no such column or no rows, or a text is empty.
    """
    path = Path(path)
    with _rows(path, [text_column]) as rows:
        texts = [_text(value, f"{path}, {where}", text_column) for where, _, (value,) in rows]
    if not texts:
        raise DataError(f"{path} has no rows. Expected a text a row.")
    return texts


def find_tables(path: str | os.PathLike[str]) -> list[Path]:
    """A table, or the tables of a folder in the order of their names.

    Args:
        path: a file as of `load_table`, or a folder of such files and no others, but for those
            whose names begin with a dot or an underscore, such as Spark's ``_SUCCESS``.

    Raises:
        ResourceError: if there is none of that name, or it can't be read.
        UsageError: for another kind of file, in the folder too.
    """
    path = Path(path)
    with disk_errors(f"read {path}"):
        found = sorted(path.iterdir()) if path.is_dir() else [path]
    tables = [table for table in found if table == path or table.name[0] not in "._"]
    for table in tables:
        if table.suffix.lower() in TABLE_SUFFIXES and not table.is_dir():
            continue
        if table == path:
            raise _no_table(table)
        raise UsageError(
            f"{table} is no table. Expected a folder of files whose names end in {_SUFFIXES}.\n"
            "Move it elsewhere, or begin its name with _ so that it is left out."
        )
    if not tables:
        raise ResourceError(f"{path} has no tables. Expected files whose names end in {_SUFFIXES}.")
    return tables


def split_table(
    path: str | os.PathLike[str], *, text_column: str = "text", rows: int
) -> Iterator[TablePart]:
    r"""Reads a table of texts to its end, and yields parts of it that `read_part` can read.

    Other than in `load_table`, no label is asked for, and a text may be empty, but not null.

    Args:
        path: as of `load_table`.
        text_column: name of the column with the text.
        rows: how many a part has; the last one has fewer, as have those of very long texts. No
            more than a part is held in memory.

    Raises:
        ResourceError: as `load_table`, for the next ones too.
        UsageError: for another kind of file, or Parquet without pyarrow.
        DataError: naming the row, for anything in the table that is not as said there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "reviews.csv")
        ...     _ = file.write_text('text,stars\n"Slow,\ndull",3\nA joy,9\n')
        ...     for part in split_table(file, rows=1):
        ...         print(part.row, part.line, part.offset, read_part(part))
        1 2 11 ['Slow,\ndull']
        2 4 26 ['A joy']
    """
    path = Path(path)
    texts: list[str] = []
    characters = 0
    first = _Place()
    with _rows(path, [text_column]) as read:
        for where, place, (value,) in read:
            if not texts:
                first = place
            texts.append(_string(value, f"{path}, {where}", text_column))
            characters += len(texts[-1])
            if len(texts) == rows or characters >= PART_CHARACTERS:
                yield TablePart(str(path), *first, len(texts), hash_of_texts(texts))
                texts, characters = [], 0
    if texts:
        yield TablePart(str(path), *first, len(texts), hash_of_texts(texts))


def read_part(part: TablePart, text_column: str = "text") -> list[str]:
    """Reads the texts of a part.

    Args:
        part: what `split_table` gave.
        text_column: name of the column with the text.

    Raises:
        ResourceError: if the table is missing now, or can't be read.
        DataError: if it is another one than it was.
    """
    path = Path(part.path)
    with _rows(path, [text_column], _Place(part.row, part.line, part.offset)) as rows:
        values = [values[0] for _, _, values in islice(rows, part.rows)]
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) != part.rows or hash_of_texts(texts) != part.digest:
        raise DataError(
            f"{path}, from row {part.row}: the texts are others than before. Expected a table "
            "that nobody changes."
        )
    return texts


def write_csv(file: TextIO, rows: Iterable[Iterable[object]]) -> None:
    r"""Writes rows of CSV, each of which ends in ``\n``.

    Args:
        file: where to.
        rows: their fields.

    Example:
        >>> import sys
        >>> write_csv(sys.stdout, [["text", "label"], ["A joy, truly", "positive"]])
        text,label
        "A joy, truly",positive
    """
    csv.writer(_LineFeeds(file)).writerows(rows)


@contextmanager
def _rows(
    path: Path, columns: list[str], start: _Place | None = None
) -> Iterator[Generator[_Row, None, None]]:
    """The rows of a table, from a place on or all of them."""
    with disk_errors(f"read {path}"), closing(_read(path, columns, start)) as rows:
        yield rows


def _read(path: Path, columns: list[str], start: _Place | None) -> Generator[_Row, None, None]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _read_csv(path, columns, ",", start)
    if suffix == ".tsv":
        return _read_csv(path, columns, "\t", start)
    if suffix in (".jsonl", ".ndjson"):
        return _read_json_lines(path, columns, start or _Place())
    if suffix == ".parquet":
        return _read_parquet(path, columns, start or _Place())
    raise _no_table(path)


def _no_table(path: Path) -> UsageError:
    return UsageError(f"{path}: expected a table whose name ends in {_SUFFIXES}.")


class _Lines:
    """The lines of a text file with their ends as they are.

    Args:
        path: the file.
        start: where the first of them begins.

    Attributes:
        number: of the line that was read last, from 1.
        offset: the byte behind it.
    """

    def __init__(self, path: Path, start: _Place) -> None:
        self._path = path
        self.number, self.offset = start.line - 1, start.offset

    def __iter__(self) -> Iterator[str]:
        with open(self._path, "rb") as file:
            if self.offset == 0 and file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
                self.offset = len(codecs.BOM_UTF8)
            file.seek(self.offset)
            # Surrogates stand for undecodable bytes until their line is known.
            decoded = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
            for line in decoded:
                self.number += 1
                try:
                    self.offset += len(line) if line.isascii() else len(line.encode())
                except UnicodeEncodeError as error:
                    raise DataError(
                        f"{self._path}, line {self.number} is not UTF-8 text."
                    ) from error
                yield line


class _LineFeeds:
    r"""Ends the rows of the csv module in ``\n`` after it has quoted what is in them.

    It quotes a field only for line ends that are its own, and most readers end a row at a lone
    ``\r`` as well.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(row.removesuffix("\r\n") + "\n")


def _read_csv(
    path: Path, columns: list[str], delimiter: str, start: _Place | None
) -> Generator[_Row, None, None]:
    lines = _Lines(path, _Place())
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    place = _Place()
    # The limit is the whole process's.
    limit_before = csv.field_size_limit(MAX_FIELD_CHARACTERS)
    try:
        try:
            header = next(reader, [])
        except csv.Error:
            _check_delimiter(path, delimiter)
            raise
        if not header:
            raise DataError(f"{path} is empty. Expected a header with {_quoted(columns)}.")
        if not set(columns) <= set(header) and len(header) == 1:
            _check_delimiter(path, delimiter)
        _check_columns(f"{path}, line 1", columns, header)
        positions = [header.index(column) for column in columns]
        place = _Place(1, lines.number + 1, lines.offset)
        if start is not None:
            place, lines = start, _Lines(path, start)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        for values in reader:
            if values:
                where = f"row {place.row} (line {place.line})"
                if len(values) != len(header):
                    raise DataError(
                        f"{path}, {where} has {len(values)} fields. "
                        f"Expected {len(header)}, as in the header."
                    )
                yield where, place, [values[position] for position in positions]
            place = _Place(place.row + bool(values), lines.number + 1, lines.offset)
    except csv.Error as error:
        raise DataError(
            f"{path}, row {place.row} (line {place.line}): {error}.\n"
            "A field with quotation marks or line breaks is quoted, the marks in it doubled."
        ) from error
    finally:
        csv.field_size_limit(limit_before)


def _check_delimiter(path: Path, expected: str) -> None:
    """Refuses a table whose header has several columns by another delimiter."""
    for delimiter in (";", ",", "\t", "|"):
        reader = csv.reader(_Lines(path, _Place()), delimiter=delimiter, strict=True)
        with suppress(csv.Error):
            if delimiter != expected and len(header := next(reader, [])) > 1:
                raise DataError(
                    f"{path}, line 1: the columns look separated by {delimiter!r}: "
                    f"{_quoted(header)}.\nExpected commas in a .csv, tabs in a .tsv."
                )


def _read_json_lines(path: Path, columns: list[str], start: _Place) -> Generator[_Row, None, None]:
    lines = _Lines(path, start)
    place = start
    for text in lines:
        is_row = bool(text.strip())
        if is_row:
            where = f"row {place.row} (line {place.line})"
            try:
                values = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path}, {where} is not valid JSON: {error}") from error
            if not isinstance(values, dict):
                raise DataError(
                    f"{path}, {where} is {text.strip()[:40]!r}. Expected a JSON object."
                )
            _check_columns(f"{path}, {where}", columns, list(values))
            yield where, place, [values[column] for column in columns]
        place = _Place(place.row + is_row, lines.number + 1, lines.offset)


def _read_parquet(path: Path, columns: list[str], start: _Place) -> Generator[_Row, None, None]:
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
            most = max(MIN_UNPACKED_BYTES, MAX_UNPACKED_RATIO * path.stat().st_size)
            before = start.row - 1
            groups = list(range(file.num_row_groups))
            # A group of rows is the least that can be looked up.
            while groups and before >= (size := file.metadata.row_group(groups[0]).num_rows):
                before -= size
                del groups[0]
            row, unpacked = start.row, 0
            for batch in file.iter_batches(columns=columns, row_groups=groups):
                unpacked += sum(_size(batch[name]) for name in columns)
                if unpacked > most:
                    raise DataError(f"{path} unpacks to more than {most:,} bytes.")
                rows = batch.slice(before)
                before = max(0, before - len(batch))
                for values in zip(*(rows[name].to_pylist() for name in columns), strict=True):
                    yield f"row {row}", _Place(row), list(values)
                    row += 1
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
    for number, column in enumerate(columns):
        if column not in present:
            raise DataError(
                f"{where} has no column {column!r}. Present: {_quoted(present)}\n"
                f"Another one is named by {_COLUMNS[number]}=NAME"
            )
        if present.count(column) > 1:
            raise DataError(f"{where} has the column {column!r} more than once.")


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:20])
    return shown + (", …" if len(names) > 20 else "")


def _text(value: object, where: str, column: str) -> str:
    if isinstance(value, str) and not value.strip():
        raise DataError(f"{where}: {column!r} is empty. Expected a text.")
    return _string(value, where, column)


def _string(value: object, where: str, column: str) -> str:
    if value is None:
        raise DataError(f"{where}: {column!r} is null. Expected a text.")
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
            "positive, false or true;\nor with positive_from=7, for example, a star rating; or "
            "with multiclass=True a class of any name."
        )
    if number in (0, 1):
        return int(number)
    raise DataError(
        f"{where}: the label {value!r:.40} looks like a star rating. State the lowest positive "
        "one,\npositive_from=7 for example; or let each rating be a class: multiclass=True"
    )


def _class(value: object, where: str) -> str:
    if value is None or isinstance(value, dict | list) or not str(value).strip():
        raise DataError(f"{where}: expected a label. Received: {value!r:.40}")
    return str(value).strip()


def _rating(value: object, where: str, positive_from: float) -> float:
    number = None if isinstance(value, bool) else _number(value)
    if number is None:
        raise DataError(
            f"{where}: unknown label {value!r:.40}. Expected a star rating, as of "
            f"positive_from={positive_from:g}"
        )
    return number


def _whole_number(label: str) -> int | None:
    """The whole number that a label plainly is, 7 or 7.0; None for others, as 007, 1_0 and 1e3.

    None also for one that an array of int64 can't hold.
    """
    digits = label.removesuffix(".0")
    try:
        number = int(digits)
    except ValueError:
        return None
    return number if str(number) == digits and abs(number) < 2**63 else None


def _number(value: object) -> float | None:
    if not isinstance(value, str | int | float):
        return None
    # Python takes 1_0 for 10.
    if isinstance(value, str) and "_" in value:
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
