"""Getting public data sets once, checked, into a cache folder.

A download that breaks off leaves a ``.part`` file behind and goes on from it the next time. The
finished file appears under its own name only after its size and hash were found right.
"""

from __future__ import annotations

import errno
import hashlib
import http
import http.client
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import platformdirs

from sentiment_rnn._files import at_home
from sentiment_rnn.errors import ResourceError, UsageError

_BLOCK_BYTES = 1 << 18
# Bytes a second below which a server is as good as silent: the files here would take days.
_LEAST_SPEED = 1000


@dataclass(frozen=True)
class Source:
    """A file that can be had from the web.

    Args:
        url: where, by https.
        filename: its name in the cache folder.
        hash_name: a hash that `hashlib` knows.
        digest: the hash of the file, in hexadecimal.
        size: bytes of the file.
    """

    url: str
    filename: str
    hash_name: str
    digest: str
    size: int


SOURCES = {
    # Maas et al., ACL 2011
    "imdb": Source(
        url="https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        filename="aclImdb_v1.tar.gz",
        hash_name="md5",
        digest="7c2ac02c03563afcf9b574c7e56c153a",
        size=84_125_825,
    ),
    # Mahoney's "About the Test Data"; the zip holds 100,000,000 characters
    "text8": Source(
        url="https://mattmahoney.net/dc/text8.zip",
        filename="text8.zip",
        hash_name="sha256",
        digest="a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
        size=31_344_016,
    ),
}


def cache_folder() -> Path:
    """Where downloads are kept: ``SENTIMENT_RNN_CACHE``, or the user's cache folder.

    Example:
        >>> cache_folder().name
        'sentiment_rnn'
    """
    return at_home(
        os.environ.get("SENTIMENT_RNN_CACHE") or platformdirs.user_cache_dir("sentiment_rnn")
    )


def download(
    name: str, *, cache: str | os.PathLike[str] | None = None, progress: bool = True
) -> Path:
    """Gets a data set, without the network where it is in the cache already.

    Args:
        name: a key of `SOURCES`.
        cache: the folder to keep it in, `cache_folder` by default.
        progress: whether to show a bar on standard error.

    Returns:
        The path of the checked file.

    Raises:
        UsageError: for an unknown name.
        ResourceError: if it can't be had or stored, or is not what was expected.

    Example:
        >>> download("imbd")
        Traceback (most recent call last):
        sentiment_rnn.errors.UsageError: Unknown download 'imbd'. Expected one of: imdb, text8
    """
    if name not in SOURCES:
        raise UsageError(f"Unknown download {name!r}. Expected one of: {', '.join(SOURCES)}")
    folder = cache_folder() if cache is None else Path(cache)
    return fetch(SOURCES[name], folder, progress=progress)


def fetch(source: Source, folder: Path, *, progress: bool = True, timeout: float = 30.0) -> Path:
    """Gets a file from the web into a folder, or finds it there.

    Args:
        source: what to get.
        folder: where to keep it; made if it is missing.
        progress: whether to show a bar on standard error.
        timeout: seconds to wait for the server before giving up, also on one that sends less than
            1,000 bytes a second all that time.

    Returns:
        The path of the checked file.

    Raises:
        ResourceError: if it can't be had or stored, or is not what was expected.
    """
    _check_scheme(source.url)
    target = folder / source.filename
    part = folder / f"{source.filename}.part"
    try:
        # Before the lock: a finished download can be used from a folder that is read-only.
        if _is_complete(target, source):
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f"{source.filename}.lock"):
            if not _is_complete(target, source):
                _continue(source, part, progress=progress, timeout=timeout)
                _check_hash(source, part)
                os.replace(part, target)
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(
            f"Could not store {source.filename} in {folder}: {error.strerror or error}"
        ) from error
    return target


def _continue(source: Source, part: Path, *, progress: bool, timeout: float) -> None:
    """Downloads what `part` lacks."""
    have = part.stat().st_size if part.exists() else 0
    if have > source.size:
        part.unlink()
        have = 0
    if have == source.size:
        return
    try:
        response = _open(source.url, have, timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            part.unlink()
            _continue(source, part, progress=progress, timeout=timeout)
            return
        reason = f"the server answered {error.code} {error.reason}"
        raise _failure(source, part, reason) from error
    except urllib.error.URLError as error:
        raise _failure(source, part, str(error.reason)) from error
    # An address to go on to may be none, which urllib says with a ValueError.
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, ResourceError):
            raise
        raise _failure(source, part, str(error) or type(error).__name__) from error
    with response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            # The server sends the whole file, whatever part of it was asked for.
            have = 0
        _check_announced(source, part, response, have)
        with open(part, "ab" if have else "wb") as file:
            _copy(source, part, response, file, have, progress, timeout)


def _open(url: str, start: int, timeout: float) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    opener = urllib.request.build_opener(_SafeRedirects)
    response = opener.open(request, timeout=timeout)
    assert isinstance(response, http.client.HTTPResponse)
    return response


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never to an address that `fetch` itself would refuse."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            _check_scheme(newurl)
        except ResourceError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_scheme(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
        raise ResourceError(f"Expected an https address. Received: {url}")


def _check_announced(
    source: Source, part: Path, response: http.client.HTTPResponse, have: int
) -> None:
    """Refuses, before a byte is stored, a file that can't be the one expected."""
    announced = None if response.length is None else have + response.length
    content_range = response.headers.get("Content-Range", "")
    is_elsewhere = (
        response.status == http.HTTPStatus.PARTIAL_CONTENT
        and not content_range.startswith(f"bytes {have}-")
    )
    if is_elsewhere or announced not in (None, source.size):
        # What is here is of another version of the file, or there is no going on from it.
        part.unlink(missing_ok=True)
        what = f"sends {content_range!r}" if is_elsewhere else f"has {announced:,} bytes"
        expected = f"bytes {have}-" if is_elsewhere else f"{source.size:,}"
        raise ResourceError(f"{source.url} {what}. Expected: {expected}")


def _copy(
    source: Source,
    part: Path,
    response: http.client.HTTPResponse,
    file: IO[bytes],
    have: int,
    progress: bool,
    timeout: float,
) -> None:
    """Writes the body, up to the expected size, behind the `have` bytes of `file`."""
    from tqdm import tqdm

    with tqdm(
        total=source.size,
        initial=have,
        unit="B",
        unit_scale=True,
        desc=source.filename,
        file=sys.stderr,
        disable=not progress,
    ) as bar:
        since, had = time.monotonic(), have
        while have < source.size:
            try:
                block = response.read1(min(_BLOCK_BYTES, source.size - have))
            except (OSError, http.client.HTTPException) as error:
                reason = str(error) or type(error).__name__
                raise _failure(source, part, reason) from error
            if not block:
                reason = f"the connection ended after {have:,} of {source.size:,} bytes"
                raise _failure(source, part, reason)
            file.write(block)
            # So that a failure finds on the disk what it says is kept.
            file.flush()
            have += len(block)
            bar.update(len(block))
            seconds = time.monotonic() - since
            if seconds > timeout:
                if have - had < _LEAST_SPEED * seconds:
                    reason = f"only {have - had:,} bytes came in {seconds:.0f} seconds"
                    raise _failure(source, part, reason)
                since, had = time.monotonic(), have
    os.fsync(file.fileno())


def _failure(source: Source, part: Path, reason: str) -> ResourceError:
    # What urllib says of redirects that go round in circles has three lines of its own.
    message = f"Could not download {source.url}: {' '.join(reason.split())}."
    if part.exists() and part.stat().st_size:
        message += f"\nWhat has come is kept in {part}: try again to go on from there."
    return ResourceError(message)


def _digest(source: Source, path: Path) -> str:
    with open(path, "rb") as file:
        # For comparing files; a Python built for FIPS has no md5 for anything else.
        digest = hashlib.file_digest(
            file, lambda: hashlib.new(source.hash_name, usedforsecurity=False)
        )
    return digest.hexdigest()


def _is_complete(path: Path, source: Source) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == source.size
        and _digest(source, path) == source.digest
    )


def _check_hash(source: Source, part: Path) -> None:
    digest = _digest(source, part)
    if digest != source.digest:
        part.unlink()
        raise ResourceError(
            f"{source.url} is not the file expected and was removed.\n"
            f"Expected {source.hash_name}: {source.digest}. Received: {digest}"
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keeps a second process from writing to the same ``.part`` file.

    The lock ends with the process. Its file stays: removed, it could be locked by one process
    while another makes and locks a new one.
    """
    with open(path, "ab") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Some network file systems have no locks. Then the hash alone guards the result.
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise ResourceError(
                    f"Another process is downloading to {path.parent}. Wait until it is done."
                ) from error
        yield
