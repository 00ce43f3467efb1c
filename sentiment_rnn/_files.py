"""Writing files and folders whole or not at all, and by one program at a time."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sentiment_rnn.errors import ResourceError, UsageError


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
        _synchronize(path.parent)


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
def locked(path: Path) -> Iterator[None]:
    """Inside the ``with``, no other program comes into a block that is locked on the same path.

    The lock is the system's own: it goes with the program, however that ends.

    Args:
        path: a file or folder, which need not be there. The lock is a hidden file beside it while
            it is held.

    Raises:
        UsageError: if another program is in such a block.
        ResourceError: if the folder can't be made or written to.
    """
    from filelock import FileLock, Timeout

    made = [folder for folder in path.parents if not folder.exists()]
    file = path.with_name(f".{path.name}.lock")
    lock = FileLock(file, timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise UsageError(
            f"Another training is writing to {path}. Wait until it has ended, or name another."
        ) from error
    except OSError as error:
        raise ResourceError(f"Could not lock {path}: {error.strerror or error}") from error
    try:
        yield
    finally:
        # While it is held: a file that another program has locked by then is not removed.
        with suppress(OSError):
            file.unlink()
        lock.release()
        for folder in made:
            # One in which something was written stays.
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def _temporary_sibling(path: Path, *, folder: bool) -> Iterator[Path]:
    temporary: Path | None = None
    try:
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
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(f"Could not write {path}: {error.strerror or error}") from error
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
    if os.name == "nt" and path.is_dir():
        # Windows opens no folder.
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
