"""Imports that say more than a user wants to read, or take longer than a user wants to wait."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from threading import Thread

from sentiment_rnn.errors import UsageError

# What Keras trains with.
BACKENDS = ("tensorflow", "torch", "jax")


def import_keras() -> None:
    """Imports Keras without what TensorFlow's libraries write to standard error as they start.

    No setting of TensorFlow turns these lines off; if the import fails, they are shown.

    Raises:
        UsageError: if Keras is to compute with what it can't.
    """
    _check_backend()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as messages:
        standard_error = os.dup(2)
        os.dup2(messages.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            messages.seek(0)
            os.write(standard_error, messages.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


@contextmanager
def engine_imported(name: str) -> Iterator[None]:
    """Imports what the engine of that name trains with, around the reading of data."""
    if name == "keras":
        _check_backend()
    else:
        # A gradient needs it, and it takes as long as finding what was read before.
        begin_import("scipy.sparse")
    yield
    if name == "keras":
        # It takes so long that what is wrong with the data is said before.
        import_keras()


def _check_backend() -> None:
    """Says what Keras would only after seconds, and in a traceback."""
    backend = os.environ.get("KERAS_BACKEND")
    if not backend:
        return
    if backend not in BACKENDS:
        raise UsageError(
            f"Expected KERAS_BACKEND to be one of {', '.join(BACKENDS)}. Received: {backend}"
        )
    if find_spec(backend) is None:
        raise UsageError(f"KERAS_BACKEND is {backend}, which is not installed.")


def begin_import(name: str) -> None:
    """Imports a module that is needed soon, while this thread reads files.

    Whoever needs it waits for the rest of the import, and is told what went wrong.
    """

    def run() -> None:
        with suppress(ImportError):
            import_module(name)

    Thread(target=run, daemon=True).start()
