"""Files of arrays that come back only if every byte is as it was written.

Such a file is a SHA-256 of its name and of what follows: arrays as `np.save` writes them. It holds
no pickle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

_DIGEST_BYTES = 32


def write_arrays(path: Path, arrays: Sequence[np.ndarray], *, name: str) -> None:
    """Writes arrays into a file that is there.

    Args:
        path: the file, which may be a temporary one that takes another's place.
        arrays: of numbers or of strings.
        name: what they are: only who asks for the same name gets them.
    """
    with path.open("r+b") as file:
        file.seek(_DIGEST_BYTES)
        for array in arrays:
            np.save(file, array, allow_pickle=False)
        file.seek(_DIGEST_BYTES)
        digest = hashlib.file_digest(file, _hash_of(name)).digest()
        file.seek(0)
        file.write(digest)


def read_arrays(path: Path, *, name: str) -> list[np.ndarray] | None:
    """Reads arrays that `write_arrays` wrote under the same name.

    Returns:
        The arrays; None if there is no such file, or it is not whole.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     path = Path(file.name)
        ...     write_arrays(path, [np.arange(3)], name="numbers")
        ...     print(read_arrays(path, name="numbers"), read_arrays(path, name="others"))
        [array([0, 1, 2])] None
    """
    arrays = []
    try:
        with path.open("rb") as file:
            expected = file.read(_DIGEST_BYTES)
            if hashlib.file_digest(file, _hash_of(name)).digest() != expected:
                return None
            end = file.tell()
            file.seek(_DIGEST_BYTES)
            while file.tell() < end:
                arrays.append(np.load(file, allow_pickle=False))
    except (OSError, ValueError):
        # A whole file that is none of NumPy's plain arrays was not written here.
        return None
    return arrays


def _hash_of(name: str) -> Callable[[], hashlib._Hash]:
    return lambda: hashlib.sha256(name.encode())
