"""Imports that would say more than a user wants to read."""

from __future__ import annotations

import os
import sys
import tempfile


def import_keras() -> None:
    """Imports Keras without what TensorFlow's libraries write to standard error as they start.

    No setting of TensorFlow turns these lines off; if the import fails, they are shown.
    """
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
