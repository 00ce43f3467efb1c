"""What a model was made with."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version


def versions(*packages: str) -> dict[str, str]:
    """The version of Python, and of those packages that are installed under these names.

    Example:
        >>> list(versions("numpy", "no-such-package"))
        ['python', 'numpy']
    """
    found = {"python": sys.version.split()[0]}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            # TensorFlow, for one, has other names where it is made for another machine.
            continue
    return found
