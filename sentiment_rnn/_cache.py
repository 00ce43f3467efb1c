"""Arrays that took long to make, kept in a folder for the next time.

A cache must never change a result. So an entry is named by a hash of all that decides what is in
it, and comes back only if its bytes are those that were written. Whatever else is found there, or
fails, is as if there were no entry.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np

from sentiment_rnn._arrays import read_arrays, write_arrays
from sentiment_rnn._files import atomic_file

# Raise it when the same texts give other arrays than before.
FORMAT = 1
# The entries that were not used for longest go when all together take more.
MAX_BYTES = 2_000_000_000
# What is quickly made anew is not worth an entry, nor processes of its own.
LARGE = 1 << 22

_SUFFIX = ".arrays"


def cached_arrays(
    folder: Path | None, made_from: Sequence[object], make: Callable[[], list[np.ndarray]]
) -> list[np.ndarray]:
    """Makes arrays, or finds those that were made before of the same.

    Args:
        folder: where they are kept, for this user's eyes only; made if it is missing. None keeps
            nothing.
        made_from: all that decides what `make` gives, in types that JSON has; hashes for large
            things. The versions of this package and of Python, whose tables of characters grow,
            need not be named.
        make: gives arrays of numbers or of strings.

    Returns:
        The arrays that `make` gave, now or earlier.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for array in (np.arange(3), np.zeros(3)):
        ...         print(cached_arrays(Path(folder), ["a"], lambda: [array]))
        [array([0, 1, 2])]
        [array([0, 1, 2])]
    """
    if folder is None:
        return make()
    parts = [FORMAT, version("sentiment_rnn"), platform.python_version(), *made_from]
    path = folder / (hashlib.sha256(json.dumps(parts).encode()).hexdigest() + _SUFFIX)
    arrays = _read(path)
    if arrays is None:
        arrays = make()
        # A full disk or a folder that can't be written to costs time later, and nothing now.
        with contextlib.suppress(OSError):
            _write(path, arrays)
            _remove_oldest(folder)
    return arrays


def pack_texts(texts: Sequence[str]) -> list[np.ndarray]:
    """Texts as arrays: their UTF-8 bytes, one text behind the other, and the length of each.

    Returns:
        uint8 ``(bytes,)`` and int64 ``(texts,)``.

    Example:
        >>> pack_texts(["né", "", "a"])
        [array([110, 195, 169,  97], dtype=uint8), array([3, 0, 1])]
    """
    # A text of Python may hold half a surrogate pair, which UTF-8 has not.
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.array([len(data) for data in encoded], np.int64)
    return [np.frombuffer(b"".join(encoded), np.uint8), lengths]


def unpack_texts(data: np.ndarray, lengths: np.ndarray) -> list[str]:
    """The texts that `pack_texts` packed.

    Example:
        >>> unpack_texts(*pack_texts(["né", "", "a"]))
        ['né', '', 'a']
    """
    ends = [0, *np.cumsum(lengths).tolist()]
    view = data.data
    return [str(view[start:end], "utf-8", "surrogatepass") for start, end in pairwise(ends)]


def hash_of_file(path: Path) -> str:
    """SHA-256 of a file's contents, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_of_texts(texts: Iterable[str]) -> str:
    """SHA-256 of texts in their order, in hexadecimal.

    Example:
        >>> hash_of_texts(["ab", "c"]) == hash_of_texts(["a", "bc"])
        False
    """
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        # The length keeps ["ab", "c"] apart from ["a", "bc"].
        digest.update(b"%d " % len(data))
        digest.update(data)
    return digest.hexdigest()


def _read(path: Path) -> list[np.ndarray] | None:
    """The arrays of an entry, or None if there is none that is whole."""
    # By its name, so that an entry that was renamed is none.
    arrays = read_arrays(path, name=path.name)
    if arrays is not None:
        # It was used now; of a folder that is only to be read, nothing is removed either.
        with contextlib.suppress(OSError):
            os.utime(path)
    return arrays


def _write(path: Path, arrays: Sequence[np.ndarray]) -> None:
    if sum(array.nbytes for array in arrays) > MAX_BYTES:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with atomic_file(path) as temporary:
        write_arrays(temporary, arrays, name=path.name)


def _remove_oldest(folder: Path) -> None:
    # Also files that a killed process left half written: their names begin otherwise.
    entries = [(path.stat(), path) for path in folder.glob(f"*{_SUFFIX}*")]
    total = sum(status.st_size for status, _ in entries)
    for status, path in sorted(entries, key=lambda entry: entry[0].st_mtime_ns):
        if total <= MAX_BYTES:
            break
        path.unlink(missing_ok=True)
        total -= status.st_size
