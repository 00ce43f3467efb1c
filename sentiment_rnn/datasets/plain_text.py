"""Plain text for character models: a book, the text8 corpus, or names, one a line.

Mahoney's text8 is the first 100,000,000 characters of a Wikipedia dump of 2006, cleaned to a space
and a to z; http://mattmahoney.net/dc/textdata.html. `download` gets ``text8.zip``.
"""

from __future__ import annotations

import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sentiment_rnn._zip import ShortReads, one_kind_of_error
from sentiment_rnn.errors import DataError, ResourceError

# A file may come from a stranger: what it unpacks to is bounded. text8 has 0.1 GB, enwik9 1 GB.
MAX_TEXT_BYTES = 1 << 30

_BLOCK_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ENCRYPTED = 0x1


def load_text(path: str | os.PathLike[str]) -> str:
    r"""Reads a text.

    Args:
        path: a file of UTF-8 text, with a byte order mark or without; packed if its name ends in
            ``.gz``, or in ``.zip``, which must hold that one file. Nothing is written.

    Returns:
        The text without the mark, every line end as ``"\n"``.

    Raises:
        ResourceError: if the file is missing or can't be read.
        DataError: if it is empty, binary, not UTF-8, damaged, or more than `MAX_TEXT_BYTES`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "verse.txt")
        ...     _ = file.write_bytes("\ufeffO Rose\r\nthou art sick".encode())
        ...     load_text(file)
        'O Rose\nthou art sick'
    """
    path = Path(path)
    try:
        with _unpacked(path) as read:
            data = _bounded(read, path)
    except (gzip.BadGzipFile, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} is damaged or incomplete ({error or 'it ends too early'}). "
            f"Expected a {path.suffix.lower()} file."
        ) from error
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(f"Could not read {path}: {error.strerror or error}") from error
    zero = data.find(0)
    if zero >= 0:
        raise DataError(
            f"{path} holds a zero byte (at byte {zero}). Expected UTF-8 text, not UTF-16 or a "
            "binary file."
        )
    start = len(_BYTE_ORDER_MARK) if data.startswith(_BYTE_ORDER_MARK) else 0
    try:
        text = str(memoryview(data)[start:], "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (at byte {start + error.start}).") from error
    if not text:
        raise DataError(f"{path} is empty. Expected a text.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def load_names(path: str | os.PathLike[str]) -> list[str]:
    r"""Reads names, or other short texts, one a line.

    Args:
        path: as of `load_text`.

    Returns:
        The lines in their order, without white space around them; empty lines and names that
        came before are left out.

    Raises:
        ResourceError: as `load_text`.
        DataError: as `load_text`, and if there is no name.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "names.txt")
        ...     _ = file.write_text("Mary Ann\n\n Zoë\nMary Ann\n", encoding="utf-8")
        ...     load_names(file)
        ['Mary Ann', 'Zoë']
    """
    # Not splitlines, which takes more for a line end than an editor shows as one.
    stripped = (line.strip() for line in load_text(path).split("\n"))
    names = list(dict.fromkeys(name for name in stripped if name))
    if not names:
        raise DataError(f"{path} has only empty lines. Expected a name a line.")
    return names


@contextmanager
def _unpacked(path: Path) -> Iterator[Callable[[int], bytes]]:
    """The method that reads on in what is packed in a file."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        with gzip.open(path, "rb") as unzipped:
            yield unzipped.read
    elif suffix == ".zip":
        with (
            ShortReads(io.FileIO(path)) as packed,
            _only_member(packed, path) as member,
        ):
            yield member.read
    else:
        with open(path, "rb") as file:
            yield file.read


def _only_member(file: IO[bytes], path: Path) -> IO[bytes]:
    """The one file in a zip archive, unpacked as it is read."""
    with one_kind_of_error():
        archive = zipfile.ZipFile(file)
        return archive.open(_checked_member(archive, path))


def _checked_member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise DataError(f"{path} holds {len(members):,} files. Expected one: the text.")
    [member] = members
    packed = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not packed or member.flag_bits & _ENCRYPTED:
        raise DataError(f"{path} is encrypted or packed in a rare way. Expected a deflated file.")
    return member


def _bounded(read: Callable[[int], bytes], path: Path) -> bytearray:
    """All that there is to read, unless it is more than any text should have."""
    data = bytearray()
    while block := read(_BLOCK_BYTES):
        data += block
        if len(data) > MAX_TEXT_BYTES:
            raise DataError(f"{path} has more than {MAX_TEXT_BYTES:,} bytes of text.")
    return data
