"""Writing files and folders whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentiment_rnn.errors import ResourceError


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary sibling of `path` to write to, which then takes the place of `path`.

    If the block raises, `path` is as it was before.

    Args:
        path: the file to write.

    Raises:
        ResourceError: if the folder can't be made or written to.
    """
    with _temporary_sibling(path, folder=False) as temporary:
        yield temporary
        _synchronize(temporary)
        temporary.replace(path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary sibling folder to fill, which then takes the place of `path`.

    If the block raises, a folder that was at `path` is as it was before.

    Args:
        path: the folder to write.

    Raises:
        ResourceError: if the folder can't be made or written to.
    """
    with _temporary_sibling(path, folder=True) as temporary:
        yield temporary
        for file in temporary.iterdir():
            _synchronize(file)
        _synchronize(temporary)
        if path.exists():
            # A folder can't be replaced in one step: the old one steps aside, and comes back if
            # the new one can't take its place.
            aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.old-", dir=path.parent))
            path.rename(aside / path.name)
            try:
                temporary.rename(path)
            except OSError:
                (aside / path.name).rename(path)
                raise
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        else:
            temporary.rename(path)
        _synchronize(path.parent)


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Inside the ``with``, what the disk refuses becomes a `ResourceError`.

    Args:
        doing: what could not be done then.

    Example:
        >>> with disk_errors("read a file"):
        ...     open("no/such/file")
        Traceback (most recent call last):
        ...
        sentiment_rnn.errors.ResourceError: Could not read a file: No such file or directory
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(f"Could not {doing}: {error.strerror or error}") from error


def remove_unfinished(folder: Path) -> None:
    """Removes what processes that were killed have left in a folder of files they were writing.

    Args:
        folder: in which nobody writes now.
    """
    for left in folder.glob(".*.new-*"):
        if left.is_file():
            left.unlink(missing_ok=True)


@contextmanager
def _temporary_sibling(path: Path, *, folder: bool) -> Iterator[Path]:
    temporary: Path | None = None
    try:
        with disk_errors(f"write {path}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            if folder:
                temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.new-", dir=path.parent))
                # mkdtemp makes folders for the owner alone; a model is as readable as other files.
                temporary.chmod(0o777 & ~_umask())
            else:
                handle, name = tempfile.mkstemp(prefix=f".{path.name}.new-", dir=path.parent)
                os.close(handle)
                temporary = Path(name)
                temporary.chmod(0o666 & ~_umask())
            yield temporary
    finally:
        if temporary is not None and temporary.exists():
            if folder:
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                temporary.unlink()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _synchronize(path: Path) -> None:
    """Waits until a file or folder is on the disk, so that a power cut can't undo the rename."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
