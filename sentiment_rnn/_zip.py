"""Zip archives that may come from a stranger."""

from __future__ import annotations

import errno
import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from sentiment_rnn.errors import SentimentRNNError

# Of the list of files that ends an archive, which zipfile reads whole: some 20,000 files.
MAX_LIST_BYTES = 1 << 20


class ShortReads(io.BufferedReader):
    """A file that refuses what only an archive that lists very many files makes zipfile ask for.

    Set `only_short` to False once the list is read, to read a member in one piece.
    """

    only_short = True

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes, none at the end."""
        if not self.only_short:
            return super().read(size)
        wanted = MAX_LIST_BYTES + 1
        if size is not None and size >= 0:
            wanted = min(size, wanted)
        data = super().read(wanted)
        if len(data) > MAX_LIST_BYTES:
            raise zipfile.BadZipFile("it lists too many files")
        return data


@contextmanager
def one_kind_of_error() -> Iterator[None]:
    """Makes a `zipfile.BadZipFile` of all errors by which zipfile says that an archive is damaged.

    It believes the list of files, so that a damaged one makes it fail in many ways: at names that
    are no text, versions that don't exist, passwords, places before the beginning.
    """
    try:
        yield
    except SentimentRNNError:
        raise
    except (IndexError, RuntimeError, ValueError, OverflowError, struct.error) as error:
        raise zipfile.BadZipFile(str(error)) from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise zipfile.BadZipFile("it lists a file that is not in it") from error
