"""What a command reads: labelled reviews, or texts as they come."""

from __future__ import annotations

import codecs
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sentiment_rnn._files import at_home, disk_errors
from sentiment_rnn.errors import DataError

if TYPE_CHECKING:
    from sentiment_rnn.datasets import Reviews

# Bytes of a document that are read at a time.
PIECE = 1 << 16
# Some editors begin a file of UTF-8 with it.
_BYTE_ORDER_MARK = "\ufeff"


def read_data(
    options: Namespace,
    *,
    unsupervised: bool = False,
    classes: Sequence[int] | Sequence[str] | None = None,
    test: bool = False,
) -> tuple[Reviews, Reviews | None]:
    """Reads what ``--data`` names, which must have a test part if `test` or ``--test`` says so."""
    from sentiment_rnn.datasets import load_data

    print(f"loading {options.data}", file=sys.stderr)
    return load_data(
        options.data,
        unsupervised=unsupervised,
        text_column=options.text_column,
        label_column=options.label_column,
        group_column=options.group_column,
        positive_from=options.positive_from,
        multiclass=options.multiclass,
        classes=classes,
        test=test or getattr(options, "test", False),
        cache=cache_of(options),
    )


def read_texts(options: Namespace) -> list[str]:
    """Reads the texts of what ``--data`` names, with ``--unsupervised`` those without label too."""
    from sentiment_rnn.datasets.sources import load_train_texts

    print(f"loading {options.data}", file=sys.stderr)
    return load_train_texts(
        options.data,
        unsupervised=options.unsupervised,
        text_column=options.text_column,
        cache=cache_of(options),
    )


def read_taught_texts(options: Namespace) -> list[str]:
    """Reads what ``--taught-texts`` names."""
    from sentiment_rnn.datasets.tables import load_texts

    print(f"loading {options.taught_texts}", file=sys.stderr)
    return load_texts(at_home(options.taught_texts), text_column=options.text_column)


def data_options(options: Namespace) -> dict[str, Any]:
    """What was said of the data but where it lies, by the names of the options."""
    usual = {
        "text_column": "text",
        "label_column": "label",
        "multiclass": False,
        "unsupervised": False,
    }
    names = (*usual, "group_column", "positive_from", "limit")
    # No command has all of them.
    given = {name: getattr(options, name, None) for name in names}
    if getattr(options, "taught_texts", None) is not None:
        given["taught_texts"] = "TABLE"
    return {name: value for name, value in given.items() if value not in (None, usual.get(name))}


def cache_of(options: Namespace) -> Path | None:
    """The folder where what was read and tokenized is kept, if it is to be kept."""
    from sentiment_rnn.datasets import cache_folder

    if options.no_cache or os.environ.get("SENTIMENT_RNN_NO_CACHE"):
        return None
    return cache_folder() / "corpora"


@contextmanager
def input_texts(options: Namespace) -> Iterator[Iterator[str]]:
    """The texts, or the pieces of the document."""
    if options.text:
        for number, text in enumerate(options.text, 1):
            # Python has halves of surrogate pairs for the bytes of an argument that are no text.
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise DataError(f"Text {number}: expected UTF-8 text. {error}") from error
        yield iter(options.text)
        return
    name = str(options.input or "standard input")
    with ExitStack() as stack:
        with disk_errors(f"read {name}"):
            source = options.input or sys.stdin.fileno()
            file = stack.enter_context(open(source, "rb", closefd=bool(options.input)))
        # What is done with the texts has errors of its own, which are none of this file.
        yield (_decoded_pieces if options.document else _decoded_lines)(file, name)


def _decoded_lines(file: Iterable[bytes], name: str) -> Iterator[str]:
    with disk_errors(f"read {name}"):
        for number, line in enumerate(file, 1):
            try:
                text = line.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise DataError(f"{name}, line {number}: expected UTF-8 text. {error}") from error
            yield text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text


def _decoded_pieces(file: BinaryIO, name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    begun = False
    while True:
        with disk_errors(f"read {name}"):
            piece = file.read(PIECE)
        # Bytes of a character that the last piece ended in.
        waiting, _ = decoder.getstate()
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}, byte offset {read - len(waiting) + error.start}: expected UTF-8 text. "
                f"Received: 0x{error.object[error.start]:02x}, {error.reason}"
            ) from error
        yield text if begun else text.removeprefix(_BYTE_ORDER_MARK)
        begun = begun or bool(text)
        if not piece:
            return
        read += len(piece)


def shortened(text: str, length: int) -> str:
    r"""The beginning of a text on one line.

    Example:
        >>> shortened("A gem.", 6), shortened(" A\n\n gem. Watch it!", 6)
        ('A gem.', 'A gem.…')
    """
    line = " ".join(text.split())
    return line if len(line) <= length else line[:length].rstrip() + "…"


def chunked(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yields the items in lists of a size; the last has the rest."""
    chunk: list[str] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def with_first(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yields the first list, unless it is empty, and then the rest."""
    if first:
        yield first
    yield from rest
