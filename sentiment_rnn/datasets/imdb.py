"""The Large Movie Review Dataset, or what is laid out like it, from its folder or its archive.

Maas, Daly, Pham, Huang, Ng and Potts, "Learning Word Vectors for Sentiment Analysis", ACL 2011;
https://ai.stanford.edu/~amaas/data/sentiment/. Its layout, which the sample corpus shares::

    aclImdb/{train,test}/{neg,pos}/ID_RATING.txt    a review each, 1 to 10 stars
    aclImdb/{train,test}/urls_{neg,pos}.txt         line ID + 1 names the film of review ID
    aclImdb/train/unsup/ID_0.txt                    reviews without label

A review of another name, such as NAME.txt, is read as well, and has no rating.
"""

from __future__ import annotations

import gzip
import os
import re
import tarfile
import zlib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sentiment_rnn._cache import LARGE, cached_arrays, hash_of_file, pack_texts, unpack_texts
from sentiment_rnn.datasets.reviews import Reviews
from sentiment_rnn.errors import DataError, ResourceError

# An archive may come from a stranger: what is read of it is bounded. The true one has 100,000
# reviews of up to 14 kB in 0.3 GB.
MAX_REVIEW_BYTES = 1 << 20
MAX_URLS_BYTES = 8 << 20
MAX_FILES = 500_000
MAX_TEXT_BYTES = 1 << 29
MAX_ARCHIVE_BYTES = 1 << 31
MAX_FILM_CHARACTERS = 200
# How often tarfile asks at the end of a whole archive, and some more.
_FEW_READS = 8

_LAYOUT = "{train,test}/{neg,pos}/NAME.txt"
# What begins with a dot is the system's or an editor's.
_IN_CLASS = re.compile(r"(train|test)/(neg|pos|unsup)/(?!\.)([^/]+)")
_RATED = re.compile(r"([0-9]{1,9})_([0-9]{1,2})\.txt", re.IGNORECASE)
# Above all numbers of nine digits, as reviews whose names have none come last.
_NO_NUMBER = 10**9
_URLS = re.compile(r"(train|test)/urls_(neg|pos)\.txt")
# The folder of an archive that train and test lie in, if they lie in one.
_ROOT = re.compile(r"(?:\./)?(?:(?!\.)([^/]+)/)?(?=(?:train|test)/)")
# http://www.imdb.com/title/tt0453418/usercomments; "film" in the sample corpus
_FILM = re.compile(r"/(?:title|film)/([^/\s]+)")


def load_imdb(
    path: str | os.PathLike[str], *, unsupervised: bool = False, cache: Path | None = None
) -> tuple[Reviews, Reviews]:
    """Reads the corpus; folder and archive give the very same reviews.

    Negative reviews come first, then positive ones, each by number, and behind them by name those
    whose names are not ``ID_RATING.txt``. Ratings come from the file names (None where the name of
    one review of a split has none) and groups from the ``urls`` files (None where a split has
    none). What doesn't end in ``.txt``, begins with a dot or lies elsewhere is passed over.

    Args:
        path: the folder with ``train`` and ``test``, the folder that holds it as ``aclImdb``, or a
            ``.tar.gz`` archive, which may have them in a folder of any name. It is read as a
            stream: nothing is written.
        unsupervised: whether to read the reviews without label too, into the ``unsupervised`` of
            the first.
        cache: a folder where what is in large archives is kept, for the next time; None keeps
            nothing. Of a folder it isn't kept: to tell whether it is the same takes reading it.

    Returns:
        The train and the test reviews.

    Raises:
        ResourceError: if the path is missing or can't be read.
        DataError: if the corpus is damaged, incomplete or larger than it can be.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, text in [("neg/0_2", "Dull."), ("pos/0_9", "A joy.")]:
        ...         for split in ("train", "test"):
        ...             file = Path(folder, "aclImdb", split, name + ".txt")
        ...             file.parent.mkdir(parents=True)
        ...             _ = file.write_text(text)
        ...     train, test = load_imdb(folder)
        >>> train.texts, train.labels, train.ratings
        (['Dull.', 'A joy.'], array([0, 1]), array([2, 9]))
    """
    train, test = load_parts(path, unsupervised=unsupervised, cache=cache)
    if test is None:
        raise _no_reviews(Path(path), "test/neg")
    return train, test


def load_parts(
    path: str | os.PathLike[str], *, unsupervised: bool = False, cache: Path | None = None
) -> tuple[Reviews, Reviews | None]:
    """Reads the corpus, whether it has test reviews or not.

    Args:
        path: see `load_imdb`, as for all others and what is raised.
        unsupervised: see `load_imdb`.
        cache: see `load_imdb`.

    Returns:
        The train and the test reviews; None for these if nothing of them is there.
    """
    path = Path(path)
    try:
        if cache is None or not path.is_file() or path.stat().st_size < LARGE:
            return _read(path, unsupervised)
        contents = hash_of_file(path)

        def make() -> list[np.ndarray]:
            parts = _read(path, unsupervised)
            if hash_of_file(path) != contents:
                raise DataError(f"{path} was changed while it was read. Start again.")
            return [array for part in parts for array in _to_arrays(part)]

        # The number is to be raised when an archive gives other reviews than before.
        arrays = cached_arrays(cache, ["imdb", 2, unsupervised, contents], make)
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(f"Could not read {path}: {error.strerror or error}") from error
    half = len(arrays) // 2
    train, test = _from_arrays(arrays[:half]), _from_arrays(arrays[half:])
    return train, test if len(test) else None


def rating_in(name: str) -> int | None:
    """The rating in the name of a review, if there is one.

    Example:
        >>> rating_in("train/pos/12_9.txt"), rating_in("train/pos/praise.txt")
        (9, None)
    """
    rated = _RATED.fullmatch(name.rpartition("/")[2])
    return int(rated[2]) if rated else None


def _no_reviews(path: Path, part: str) -> DataError:
    return DataError(f"{path} has no reviews in {part}. Expected {_LAYOUT}")


def _read(path: Path, unsupervised: bool) -> tuple[Reviews, Reviews | None]:
    corpus = _Corpus(path, unsupervised)
    try:
        if path.is_dir():
            _read_folder(path, corpus)
        elif path.exists():
            _read_archive(path, corpus)
        else:
            raise ResourceError(
                f"{path} does not exist. Expected the extracted aclImdb folder or its .tar.gz."
            )
    except (gzip.BadGzipFile, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(
            f"{path} is damaged or incomplete ({error}).\n"
            "Expected the .tar.gz of the IMDB reviews: download it again."
        ) from error
    return corpus.split("train"), corpus.split("test") if corpus.has_test() else None


def _to_arrays(reviews: Reviews | None) -> list[np.ndarray]:
    """What `_from_arrays` makes the same reviews of. An empty array stands for None."""
    if reviews is None:
        reviews = Reviews([], np.array([]))
    return [
        *pack_texts(reviews.texts),
        *pack_texts(reviews.names or []),
        *pack_texts(reviews.unsupervised or []),
        reviews.labels,
        np.array([]) if reviews.ratings is None else reviews.ratings,
        np.array([]) if reviews.groups is None else reviews.groups,
    ]


def _from_arrays(arrays: list[np.ndarray]) -> Reviews:
    texts, names, unsupervised = (unpack_texts(*arrays[place : place + 2]) for place in (0, 2, 4))
    labels, ratings, groups = arrays[6:]
    return Reviews(
        texts=texts,
        labels=labels,
        ratings=ratings if ratings.size else None,
        groups=groups if groups.size else None,
        unsupervised=unsupervised or None,
        names=names,
    )


class _Review(NamedTuple):
    """A review as it is sorted: by number, and those without one by name."""

    number: int
    name: str
    rating: int | None
    text: str


class _Corpus:
    """What has been read so far, in whatever order it came."""

    def __init__(self, path: Path, unsupervised: bool) -> None:
        self.path = path
        self.unsupervised = unsupervised
        # By split and class.
        self._reviews: dict[tuple[str, str], list[_Review]] = {}
        self._urls: dict[tuple[str, str], list[str]] = {}
        self._files = 0
        self._bytes = 0

    def largest(self, name: str) -> int:
        """Bytes that the file may have, 0 if it is none of the files to read."""
        if review := _IN_CLASS.fullmatch(name):
            wanted = review[2] != "unsup" or (self.unsupervised and review[1] == "train")
            return MAX_REVIEW_BYTES if wanted and name[-4:].lower() == ".txt" else 0
        return MAX_URLS_BYTES if _URLS.fullmatch(name) else 0

    def check_file(self, name: str, *, plain: bool, size: int) -> None:
        """Refuses, before it is read, what the data set can't hold."""
        if not plain:
            raise DataError(f"{self.path}: {name} is not a plain file.")
        if not 0 <= size <= self.largest(name):
            raise DataError(
                f"{self.path}: {name} has {size:,} bytes. Expected at most {self.largest(name):,}."
            )
        self._files += 1
        self._bytes += size
        if self._files > MAX_FILES or self._bytes > MAX_TEXT_BYTES:
            raise DataError(
                f"{self.path} holds too much. Expected at most {MAX_FILES:,} files of "
                f"{MAX_TEXT_BYTES:,} bytes together."
            )

    def add(self, name: str, data: bytes) -> None:
        """Takes the contents of one file whose `largest` is not 0."""
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self.path}: {name} is not UTF-8 text (at byte {error.start})."
            ) from error
        review = _IN_CLASS.fullmatch(name)
        if review is None:
            urls = _URLS.fullmatch(name)
            assert urls is not None
            if (urls[1], urls[2]) in self._urls:
                raise DataError(f"{self.path}: {name} is there twice.")
            self._urls[urls[1], urls[2]] = text.split("\n")
            return
        if not text.strip():
            raise DataError(f"{self.path}: {name} is empty. Expected a review.")
        rated = _RATED.fullmatch(review[3])
        number, rating = (int(rated[1]), int(rated[2])) if rated else (_NO_NUMBER, None)
        reviews = self._reviews.setdefault((review[1], review[2]), [])
        reviews.append(_Review(number, name, rating, text))

    def has_test(self) -> bool:
        """Whether anything of the test part is there."""
        return any(split == "test" for split, _ in (*self._reviews, *self._urls))

    def split(self, split: str) -> Reviews:
        """The reviews of ``"train"`` or ``"test"``."""
        of_class = [self._sorted(split, label) for label in ("neg", "pos")]
        reviews = [review for part in of_class for review in part]
        ratings = [review.rating for review in reviews if review.rating is not None]
        unsupervised = None
        if self.unsupervised and split == "train":
            unsupervised = [review.text for review in self._sorted(split, "unsup")]
        return Reviews(
            texts=[review.text for review in reviews],
            labels=np.repeat(np.arange(2), [len(part) for part in of_class]),
            ratings=np.array(ratings, np.int64) if len(ratings) == len(reviews) else None,
            groups=self._films(split),
            unsupervised=unsupervised,
            names=[review.name for review in reviews],
        )

    def _sorted(self, split: str, label: str) -> list[_Review]:
        reviews = self._reviews.get((split, label))
        if not reviews:
            raise _no_reviews(self.path, f"{split}/{label}")
        reviews.sort(key=lambda review: review[:2])
        for one, other in pairwise(reviews):
            if one.number == other.number != _NO_NUMBER:
                raise DataError(
                    f"{self.path}: review {one.number} of {split}/{label} is there twice, "
                    f"as {one.name} and {other.name}."
                )
            # Archives of some programs have one ? for each letter that ASCII has not.
            if one.name == other.name and "?" not in one.name:
                raise DataError(f"{self.path}: {one.name} is there twice.")
        return reviews

    def _films(self, split: str) -> np.ndarray | None:
        present = [label for label in ("neg", "pos") if (split, label) in self._urls]
        if not present:
            return None
        films: list[str] = []
        for label in ("neg", "pos"):
            name = f"{split}/urls_{label}.txt"
            if label not in present:
                raise DataError(f"{self.path} has {split}/urls_{present[0]}.txt but no {name}.")
            lines = self._urls[split, label]
            for number, review, rating, _ in self._sorted(split, label):
                if rating is None:
                    raise DataError(
                        f"{self.path}: {name} names films by the number of a review, and {review} "
                        "has none. Expected ID_RATING.txt"
                    )
                line = lines[number].strip() if number < len(lines) else ""
                film = _FILM.search(line)
                films.append(film[1] if film else line)
                if not 0 < len(films[-1]) <= MAX_FILM_CHARACTERS:
                    raise DataError(
                        f"{self.path}: {name} does not name the film of {review}. "
                        f"Expected its address on line {number + 1} of {len(lines)}."
                    )
        return np.array(films)


def _read_folder(folder: Path, corpus: _Corpus) -> None:
    if (folder / "aclImdb").is_dir():
        folder = folder / "aclImdb"
    for split in ("train", "test"):
        for directory in (split, f"{split}/neg", f"{split}/pos", f"{split}/unsup"):
            if not (folder / directory).is_dir():
                continue
            with os.scandir(folder / directory) as entries:
                for entry in entries:
                    name = f"{directory}/{entry.name}"
                    if not corpus.largest(name):
                        continue
                    corpus.check_file(
                        name,
                        plain=entry.is_file(follow_symlinks=False),
                        size=entry.stat(follow_symlinks=False).st_size,
                    )
                    with open(entry.path, "rb") as file:
                        corpus.add(name, file.read())


def _read_archive(path: Path, corpus: _Corpus) -> None:
    # Not tarfile's own "r|gz": it never looks at the checksum that ends a gzip file.
    with gzip.open(path, "rb") as unzipped:
        stream = _BoundedStream(unzipped, path)
        roots: set[str] = set()
        # tarfile asks for an object with `read` and says so only in prose.
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_PlainTarInfo) as archive:  # type: ignore[call-overload]
            for count, member in enumerate(archive, start=1):
                if count > MAX_FILES:
                    raise DataError(f"{path} holds more than {MAX_FILES:,} files.")
                root = _ROOT.match(member.name)
                name = member.name[root.end() :] if root else ""
                if not corpus.largest(name):
                    if member.cut and member.isreg() and _IN_CLASS.fullmatch(name):
                        raise DataError(
                            f"{path}: the name {name}… is longer than what is read of it. Expected "
                            "fewer than 100 bytes, its folders included."
                        )
                    continue
                assert root is not None
                roots.add(root[1] or ".")
                if len(roots) > 1:
                    first, second = sorted(roots)
                    raise DataError(
                        f"{path} has reviews in {first} and in {second}. Expected one folder with "
                        "train and test in it."
                    )
                corpus.check_file(name, plain=member.isreg(), size=member.size)
                file = archive.extractfile(member)
                assert file is not None
                corpus.add(name, file.read())
        while stream.read(1 << 20):
            pass


class _BoundedStream:
    """Reads on until an archive has unpacked to more than it ever should, or is asked for more."""

    def __init__(self, file: gzip.GzipFile, path: Path) -> None:
        self._file = file
        self._path = path
        self._left = MAX_ARCHIVE_BYTES
        self._read_at_end = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end."""
        data = self._file.read(size)
        if not data:
            # To pass over a file, tarfile reads as many blocks as its header says, whether any
            # come or not: for years, if it says so.
            self._read_at_end += 1
            if self._read_at_end > _FEW_READS:
                raise EOFError("unexpected end of data")
        self._left -= len(data)
        if self._left < 0:
            raise DataError(f"{self._path} unpacks to more than {MAX_ARCHIVE_BYTES:,} bytes.")
        return data


class _PlainTarInfo(tarfile.TarInfo):
    """A member's header, read as if tar's extensions did not exist.

    Long names and sparse maps make tarfile allocate whatever the header says. The data set's names
    are short and its files whole, so extensions are skipped like files that nobody asked for.

    Attributes:
        cut: whether the name fills its place, so that there may be more of it in an extension.
    """

    cut = False

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _PlainTarInfo:
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            # tarfile takes a damaged header for the end; the true end is zeros.
            if any(buf):
                raise tarfile.ReadError("damaged header") from error
            raise
        member.cut = 0 not in buf[:100]
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE):
            member.type = b"?"
        return member
