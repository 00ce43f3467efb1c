"""Files from which a training that was interrupted goes on: arrays, and how far it had come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from sentiment_rnn._files import atomic_file
from sentiment_rnn.errors import ModelError


def write_checkpoint(
    path: Path, progress: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Writes a checkpoint in the place of the one before.

    Args:
        path: the file.
        progress: how far training has come, of JSON's types.
        arrays: by name, all that going on takes.

    Raises:
        ResourceError: if the file can't be written; what was there before is untouched.
    """
    text = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **{"progress": text, **arrays})  # type: ignore[arg-type]


@contextmanager
def read_checkpoint(path: Path) -> Iterator[tuple[dict[str, Any], Mapping[str, np.ndarray]]]:
    """Yields how far a run had come, and its arrays; what is missing raises a `ModelError`."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            yield json.loads(saved["progress"].tobytes()), saved
    except ModelError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
        # NumPy's message for a file of another kind advises to unpickle it.
        raise ModelError(f"{path} is no checkpoint, or a damaged one.") from error
