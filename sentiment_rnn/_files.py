"""Writing files and folders whole or not at all, and by one program at a time."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sentiment_rnn.errors import ResourceError, UsageError


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary sibling of `path` to write to, which then takes the place of `path`.

    If the block raises, `path` is as it was before. A link stays, and what it leads to is written.
    What is no file, such as a pipe or a device, gets the bytes.

    Args:
        path: the file to write.

    Raises:
        ResourceError: if the folder can't be made or written to.
    """
    path = _behind_links(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / path.name
            yield written
            with disk_errors(f"write {path}"), written.open("rb") as source, path.open("wb") as to:
                shutil.copyfileobj(source, to)
        return
    with _temporary_sibling(path, folder=False) as temporary:
        yield temporary
        _synchronize(temporary)
        temporary.replace(path)
        _synchronize(path.parent)


@contextmanager
def atomic_folder(path: Path, *, replaced: Container[str] | None = None) -> Iterator[Path]:
    """Yields a temporary sibling folder to fill, which then takes the place of `path`.

    If the block raises, a folder that was at `path` is as it was before. A link stays, and what it
    leads to is written.

    Args:
        path: the folder to write.
        replaced: names of files that go when a folder is replaced, while all others in it stay;
            None if all go.

    Raises:
        ResourceError: if the folder can't be made or written to.
    """
    path = _behind_links(path)
    with _temporary_sibling(path, folder=True) as temporary:
        yield temporary
        for file in temporary.iterdir():
            _synchronize(file)
        _synchronize(temporary)
        if path.is_dir():
            _replace_folder(path, temporary, replaced)
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
        UsageError: if another program is in such a block, or the path has no name.
        ResourceError: if the folder can't be made or written to.
    """
    if not path.name:
        raise UsageError(f"Expected the name of a file or folder. Received: {path}")
    from filelock import FileLock, Timeout

    made = [folder for folder in path.parents if not folder.exists()]
    file = path.with_name(f".{path.name}.lock")
    lock = FileLock(file, timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise UsageError(
            f"Another program is writing to {path}. Wait until it has ended, or name another."
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


def restore_folder(path: Path) -> None:
    """Puts a folder back that stepped aside for a new one, which then never came.

    Only a process that was killed between two steps leaves that behind, on a file system that can't
    exchange two folders in one.

    Args:
        path: where the folder should be. If it can't be put back, there is none as before.
    """
    if os.path.lexists(path) or not path.parent.is_dir():
        return
    with suppress(OSError):
        siblings = list(_siblings(path))
        if any(is_new and not _is_abandoned(sibling) for sibling, is_new in siblings):
            return
        for sibling, is_new in siblings:
            if not is_new:
                sibling.rename(path)
                return


def _behind_links(path: Path) -> Path:
    """What a link leads to in the end; the path itself where it is none."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _replace_folder(path: Path, new: Path, replaced: Container[str] | None) -> None:
    """Puts a new folder in the place of another, which is then gone or has the new one's name."""
    moved: list[str] = []
    try:
        for entry in list(path.iterdir()):
            stays = replaced is not None and entry.name not in replaced
            if stays and not os.path.lexists(new / entry.name):
                entry.rename(new / entry.name)
                moved.append(entry.name)
        aside = None if _exchange(path, new) else _step_in(path, new)
    except BaseException:
        # What is still in the new folder goes with it.
        for name in moved:
            (new / name).rename(path / name)
        raise
    if aside is not None:
        _remove(aside)


def _step_in(path: Path, new: Path) -> Path:
    """Puts a new folder in the place of another in two steps, and says where that has gone."""
    aside = new.with_name(new.name.replace(".new-", ".old-"))
    path.rename(aside)
    try:
        new.rename(path)
    except OSError:
        aside.rename(path)
        raise
    return aside


def is_empty_folder(path: Path) -> bool:
    """Whether there is a folder in which nothing is."""
    with disk_errors(f"read {path}"):
        return path.is_dir() and not any(path.iterdir())


def _exchange(one: Path, other: Path) -> bool:
    """Whether the system exchanged two names in one step, so that none is ever missing."""
    if sys.platform not in ("linux", "darwin"):
        return False
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        failed = library.renamex_np(*names, 2)  # RENAME_SWAP
    elif hasattr(library, "renameat2"):
        here = -100  # AT_FDCWD
        failed = library.renameat2(here, names[0], here, names[1], 2)  # RENAME_EXCHANGE
    else:
        return False
    error = ctypes.get_errno()
    if failed and error not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        raise OSError(error, os.strerror(error))
    return not failed


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


def at_home(path: str | os.PathLike[str]) -> Path:
    """A path in which ``~`` stands for a user's folder.

    Raises:
        ResourceError: if there is no such user, or the user has no folder.

    Example:
        >>> at_home("models").name
        'models'
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ResourceError(f"{path}: there is no such user's folder.") from error


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
    lock: int | None = None
    try:
        with disk_errors(f"write {path}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            restore_folder(path)
            for sibling, is_new in list(_siblings(path)):
                if _is_abandoned(sibling) and (is_new or os.path.lexists(path)):
                    _remove(sibling)
            while lock is None:
                temporary = _make(path, folder=folder)
                # They are made for the owner alone; a model is as readable as other files.
                temporary.chmod((0o777 if folder else 0o666) & ~_umask())
                # It says that this process lives, and ends with it.
                lock = os.open(temporary, os.O_RDONLY)
                _lock(lock)
                if not temporary.exists():
                    # Another process took it for abandoned before it was locked.
                    os.close(lock)
                    lock = None
            assert temporary is not None
            yield temporary
    finally:
        if temporary is not None:
            _remove(temporary)
        if lock is not None:
            os.close(lock)


def _make(path: Path, *, folder: bool) -> Path:
    prefix = f".{path.name}.new-"
    if folder:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
    handle, name = tempfile.mkstemp(prefix=prefix, dir=path.parent)
    os.close(handle)
    return Path(name)


def _siblings(path: Path) -> Iterator[tuple[Path, bool]]:
    """What writing `path` leaves behind when the process is killed, and whether it is new."""
    name = re.compile(rf"\.{re.escape(path.name)}\.(new|old)-[a-z0-9_]{{8}}")
    with os.scandir(path.parent) as entries:
        for entry in entries:
            match = name.fullmatch(entry.name)
            # No process waits at a pipe that a stranger left in a shared folder.
            if match and (
                entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
            ):
                yield path.with_name(entry.name), match[1] == "new"


def _is_abandoned(temporary: Path) -> bool:
    """Whether the process that made it has ended."""
    try:
        handle = os.open(temporary, os.O_RDONLY)
    except OSError:
        return False
    try:
        return _lock(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Whether this process now holds the lock of an open file or folder.

    Some network file systems have no locks. There, what a killed process leaves is not removed.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove(path: Path) -> None:
    """Removes a file or a folder as far as that is possible: what is left, the next one removes."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


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
