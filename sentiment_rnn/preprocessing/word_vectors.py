"""Words and their vectors: trained, read from word2vec files, saved. The only door to gensim."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import re
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import IO, cast

import numpy as np

from sentiment_rnn._cache import pack_texts
from sentiment_rnn._checks import LARGEST, check_whole
from sentiment_rnn._files import atomic_file
from sentiment_rnn._zip import ShortReads, one_kind_of_error
from sentiment_rnn.errors import DataError, ResourceError, UsageError
from sentiment_rnn.preprocessing.tokenized import TokenizedTexts

_READ_BYTES = 1 << 22
_LONGEST_WORD = 1 << 12
_LARGEST_VECTOR = 1 << 14
_LONGEST_LINE = 32 * _LARGEST_VECTOR
# What comes before an array in NumPy's format: its length, and how NumPy writes a dictionary.
_HEADER = re.compile(
    rb"..\{'descr': '[^'\\]{1,9}', 'fortran_order': (?:True|False), "
    rb"'shape': \([0-9, ]{0,99}\), \} *\n",
    re.DOTALL,
)
# The date that a zip archive's format begins with: the same vectors give the same bytes.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


class WordVectors:
    """A vocabulary with one vector a word.

    Args:
        words: the words, each once.
        vectors: float32 ``(words, vector_size)``, or int8 of that shape with `scales`.
        scales: float32 ``(words,)``: what the int8 rows are multiplied by.

    Raises:
        ValueError: if the sizes don't match, a word comes twice or a vector is not finite.

    Example:
        >>> vectors = WordVectors(["bad", "good"], np.array([[-1.0, 0.5], [1.0, 0.25]]))
        >>> "good" in vectors, len(vectors), vectors.vector_size
        (True, 2, 2)
        >>> vectors["good"]
        array([1.  , 0.25], dtype=float32)
    """

    def __init__(
        self, words: Iterable[str], vectors: np.ndarray, scales: np.ndarray | None = None
    ) -> None:
        self.words: tuple[str, ...] = tuple(words)
        if scales is None:
            vectors = np.asarray(vectors, dtype=np.float32)
        elif vectors.dtype != np.int8 or scales.shape != vectors.shape[:1]:
            raise ValueError(
                "Scales come with int8 vectors, one scale a word. Received vectors of type "
                f"{vectors.dtype} and shape {vectors.shape}, scales of shape {scales.shape}"
            )
        else:
            scales = np.asarray(scales, dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(self.words):
            raise ValueError(
                f"Expected one vector for each of {len(self.words)} words, "
                f"(words, vector_size). Received shape {vectors.shape}"
            )
        self.index: dict[str, int] = {word: row for row, word in enumerate(self.words)}
        if len(self.index) != len(self.words):
            twice = next(word for row, word in enumerate(self.words) if self.index[word] != row)
            raise ValueError(f"The word {twice!r} comes twice.")
        if not np.isfinite(vectors if scales is None else scales).all():
            raise ValueError("A word vector holds numbers that are not finite.")
        self.vectors = vectors
        self.scales = scales

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.index

    def __getitem__(self, word: str) -> np.ndarray:
        return self._float_rows(slice(self.index[word], self.index[word] + 1))[0]

    @property
    def vector_size(self) -> int:
        """Numbers in each vector."""
        return self.vectors.shape[1]

    def hash_of_words(self) -> str:
        """SHA-256, in hexadecimal, of the words in their order."""
        digest = hashlib.sha256()
        for array in pack_texts(self.words):
            digest.update(array.data)
        return digest.hexdigest()

    def matrix(self) -> np.ndarray:
        """All vectors as float32, ``(words, vector_size)``."""
        return self._float_rows(slice(None))

    def _float_rows(self, rows: slice) -> np.ndarray:
        if self.scales is None:
            return self.vectors[rows]
        return self.vectors[rows] * self.scales[rows, None]

    def most_similar(self, word: str, topn: int = 10) -> list[tuple[str, float]]:
        """The words whose vectors point most nearly the same way.

        Args:
            word: a word of the vocabulary.
            topn: how many neighbours.

        Returns:
            ``(word, cosine similarity)``, the nearest first.

        Raises:
            KeyError: if `word` has no vector.
        """
        matrix = self.matrix()
        lengths = np.maximum(np.linalg.norm(matrix, axis=1), 1e-12)
        row = self.index[word]
        cosines = matrix @ matrix[row] / (lengths * lengths[row])
        nearest = [int(other) for other in np.argsort(-cosines, kind="stable") if other != row]
        return [(self.words[other], float(cosines[other])) for other in nearest[:topn]]

    def head(self, count: int) -> WordVectors:
        """The first `count` words; vectors files begin with the most frequent ones."""
        scales = None if self.scales is None else self.scales[:count]
        return WordVectors(self.words[:count], self.vectors[:count], scales)

    def with_word(self, word: str, vector: np.ndarray) -> WordVectors:
        """The same with one more word at the end, stored in the same way.

        Args:
            word: a word that has no vector yet.
            vector: its vector ``(vector_size,)``.
        """
        larger = WordVectors([*self.words, word], np.vstack([self.matrix(), vector]))
        return larger if self.scales is None else larger.to_int8()

    def with_length(self, length: float) -> WordVectors:
        """The same with each vector scaled to one length, so that only its direction counts.

        Frequent words have longer vectors in word2vec, which drive a network's tanh to its ends.

        Args:
            length: above 0.

        Example:
            >>> vectors = WordVectors(["bad", "good"], np.array([[-3.0, 4.0], [0.0, 0.5]]))
            >>> vectors.with_length(2).vectors
            array([[-1.2,  1.6],
                   [ 0. ,  2. ]], dtype=float32)
        """
        lengths = np.linalg.norm(self.matrix(), axis=1)
        shares = np.where(lengths == 0, 1, lengths) / np.float32(length)
        if self.scales is None:
            return WordVectors(self.words, self.vectors / shares[:, np.newaxis])
        return WordVectors(self.words, self.vectors, self.scales / shares)

    def to_int8(self) -> WordVectors:
        """The same words with each vector rounded to 8-bit multiples of its own scale.

        A quarter of the size; the largest entry of each vector is kept exactly and no entry moves
        by more than a 254th of it.
        """
        matrix = self.matrix()
        scales = np.abs(matrix).max(axis=1, initial=0.0) / 127
        rounded = np.rint(matrix / np.where(scales == 0, 1, scales)[:, None])
        return WordVectors(self.words, rounded.astype(np.int8), scales)

    @classmethod
    def train(
        cls,
        sentences: Sequence[Sequence[str]] | TokenizedTexts,
        *,
        vector_size: int = 300,
        window: int = 5,
        min_count: int = 5,
        epochs: int = 5,
        skip_gram: bool = False,
        workers: int = 1,
        seed: int = 0,
    ) -> WordVectors:
        """Trains word2vec on tokenized texts with gensim.

        Args:
            sentences: tokens of each text; read several times.
            vector_size: numbers in each vector.
            window: how many words to the left and right make a word's context.
            min_count: words that come less often have no vector.
            epochs: passes over the texts.
            skip_gram: predict the context from the word instead of the word from its context.
            workers: threads. With one, the same seed gives the same vectors.
            seed: of the initial vectors and the sampling.

        Returns:
            The vectors, the most frequent word first.

        Raises:
            UsageError: for settings that make no sense.
            DataError: if no word comes `min_count` times.

        Source: Mikolov et al., "Efficient Estimation of Word Representations in Vector Space",
        2013.
        """
        from gensim.models import Word2Vec

        for name, value, least, most in (
            ("vector_size", vector_size, 1, _LARGEST_VECTOR),
            ("window", window, 1, LARGEST),
            ("min_count", min_count, 1, LARGEST),
            ("epochs", epochs, 1, LARGEST),
            ("workers", workers, 1, LARGEST),
            ("seed", seed, 0, 2**32 - 1),
        ):
            try:
                check_whole(name, value, least, most)
            except ValueError as error:
                raise UsageError(str(error)) from error
        model = Word2Vec(
            vector_size=vector_size,
            window=window,
            min_count=min_count,
            epochs=epochs,
            sg=int(skip_gram),
            workers=workers,
            seed=seed,
        )
        model.build_vocab(sentences)
        if not model.wv.index_to_key:
            raise DataError(
                f"No word comes {min_count} times in the {len(sentences)} texts, so that no word "
                "vectors can be trained. Give more texts, or a lower min_count."
            )
        model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)
        words = model.wv.index_to_key
        # Half a character, which a file has no bytes for, is no word.
        rows = [row for row, word in enumerate(words) if _has_bytes(word)]
        return cls([words[row] for row in rows], model.wv.vectors[rows])

    @classmethod
    def from_word2vec(
        cls,
        path: str | Path,
        *,
        keep: Collection[str] | None = None,
        limit: int | None = None,
    ) -> WordVectors:
        r"""Reads vectors in word2vec's binary or text format.

        The file is streamed and only the kept words are held, so that GoogleNews's 3,000,000
        vectors need no more memory than the words of a corpus do.

        Args:
            path: ``.bin`` (binary) or ``.txt``/``.vec`` (text), each also with ``.gz``. A text
                file may lack the header line, as GloVe's do.
            keep: the words to keep; all if None.
            limit: read only the first `limit` words of the file.

        Returns:
            The kept words in the file's order. Of a word that comes twice the first counts.

        Raises:
            DataError: if the file is not in that format or has none of the words.
            ResourceError: if it can't be read.

        Example:
            >>> import tempfile
            >>> path = Path(tempfile.mkdtemp()) / "vectors.txt"
            >>> _ = path.write_text("2 3\nbad -1 0 0\ngood 1 0 0\n")
            >>> WordVectors.from_word2vec(path, keep={"good"}).words
            ('good',)

        Source: Google's word2vec tool, https://code.google.com/archive/p/word2vec/
        """
        path = Path(path)
        suffixes = [suffix.lower() for suffix in path.suffixes]
        zipped = suffixes[-1:] == [".gz"]
        kind = (suffixes[:-1] if zipped else suffixes)[-1:]
        if kind not in ([".bin"], [".txt"], [".vec"]):
            raise DataError(
                f"Expected word vectors in a .bin, .txt or .vec file (or one of them with .gz). "
                f"Received: {path}"
            )
        read = _binary_rows if kind == [".bin"] else _text_rows
        wanted = None if keep is None else {word.encode("utf-8", "surrogatepass") for word in keep}
        rows: dict[bytes, bytes] = {}
        try:
            size = None if zipped else path.stat().st_size
            with _open(path, zipped=zipped, by_line=read is _text_rows) as stream:
                for word, row in read(stream, size, path, wanted, limit):
                    rows.setdefault(word, row)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path} is damaged: {error}") from error
        except OSError as error:
            raise ResourceError(f"Could not read {path}: {error.strerror or error}") from error
        if not rows:
            raise DataError(f"None of the words looked for has a vector in {path}.")
        vectors = np.frombuffer(b"".join(rows.values()), dtype="<f4").reshape(len(rows), -1)
        words = [word.decode(errors="backslashreplace") for word in rows]
        try:
            return cls(words, vectors)
        except ValueError as error:
            raise DataError(f"{path}: {error}") from error

    def save(self, path: str | Path) -> None:
        """Writes the words and vectors to an ``.npz`` file that `load` and NumPy read.

        The arrays are stored, not compressed, so that loading a stranger's file can't take more
        memory than the file's own size. ``words`` holds the UTF-8 bytes of the words, one a line.

        Raises:
            ResourceError: if the file can't be written.
        """
        arrays = {
            "words": np.frombuffer("\n".join(self.words).encode(), dtype=np.uint8),
            "vectors": self.vectors,
        }
        if self.scales is not None:
            arrays["scales"] = self.scales
        with (
            atomic_file(Path(path)) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
        ):
            for name, array in arrays.items():
                member = zipfile.ZipInfo(f"{name}.npy", _ZIP_DATE)
                with archive.open(member, "w", force_zip64=True) as stream:
                    np.lib.format.write_array(stream, array, allow_pickle=False)

    @classmethod
    def load(cls, path: str | Path) -> WordVectors:
        """Reads what `save` wrote; runs no code from the file and takes no more memory than it.

        Raises:
            DataError: if the file is not such a file.
            ResourceError: if it can't be read.
        """
        path = Path(path)
        try:
            with one_kind_of_error():
                arrays = _stored_arrays(path)
            words = arrays.pop("words").tobytes()
            count, rows = words.count(b"\n") + bool(words), len(arrays["vectors"])
            # Before each of them takes the memory of a string.
            if count != rows:
                raise ValueError(f"it has {count:,} words and {rows:,} vectors")
            return cls(words.decode().split("\n") if words else [], **arrays)
        except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} is no word vectors file of this package: {error}") from error
        except OSError as error:
            raise ResourceError(f"Could not read {path}: {error.strerror or error}") from error


def _open(path: Path, *, zipped: bool, by_line: bool) -> IO[bytes]:
    if zipped:
        return cast(IO[bytes], gzip.open(path))
    # What is read in large pieces needs no buffer in between, which would copy it once more.
    return cast(IO[bytes], path.open("rb", buffering=_READ_BYTES if by_line else 0))


def _stored_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of an uncompressed ``.npz`` after comparing each header with its size."""
    expected = {"words": np.uint8, "vectors": (np.float32, np.int8), "scales": np.float32}
    arrays = {}
    with ShortReads(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
        file.only_short = False
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name not in expected or name in arrays:
                raise ValueError(f"unexpected array {member.filename!r}")
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"the array {name!r} is compressed")
            if member.file_size > path.stat().st_size:
                raise ValueError(f"the array {name!r} claims to be larger than the file")
            with archive.open(member) as stream:
                data = stream.read()
            arrays[name] = _array(name, data, np.atleast_1d(np.asarray(expected[name], object)))
    return arrays


def _array(name: str, data: bytes, types: np.ndarray) -> np.ndarray:
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"the array {name!r} is in an unknown format {version}")
    # NumPy asks Python's parser what the header says, which has depths of its own.
    if not _HEADER.match(data, stream.tell()):
        raise ValueError(f"the array {name!r} has a header of an unknown form")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype not in list(types) or fortran_order:
        raise ValueError(f"the array {name!r} is of type {dtype}")
    offset = stream.tell()
    if math.prod(shape) * dtype.itemsize != len(data) - offset or min(shape, default=-1) < 0:
        raise ValueError(f"the array {name!r} does not hold the shape {shape} that it claims")
    return np.frombuffer(data, dtype, offset=offset).reshape(shape)


def _header(line: bytes, path: Path) -> tuple[int, int]:
    try:
        count, vector_size = (int(field) for field in line.split())
    except ValueError:
        raise DataError(
            f"{path} does not begin as a word2vec file does. Expected: the number of words and "
            f"the vector size. Received: {line[:40]!r}"
        ) from None
    if count < 1 or not 1 <= vector_size <= _LARGEST_VECTOR:
        raise DataError(
            f"{path} claims {count} words with vectors of {vector_size} numbers. Expected at "
            f"least 1 word and vectors of 1 to {_LARGEST_VECTOR} numbers."
        )
    return count, vector_size


def _binary_rows(
    stream: IO[bytes],
    size: int | None,
    path: Path,
    wanted: Set[bytes] | None,
    limit: int | None,
) -> Iterator[tuple[bytes, bytes]]:
    """Yields the wanted ones of the first `limit` words with the bytes of their vectors."""
    line = stream.readline(64)
    count, vector_size = _header(line, path)
    width = 4 * vector_size
    # A word of one byte and a space is the least that comes before a vector.
    if size is not None and count * (width + 2) > size - len(line):
        raise DataError(
            f"{path} claims {count} words with vectors of {vector_size} numbers, which need at "
            f"least {count * (width + 2):,} bytes. It has {size - len(line):,}."
        )
    left = count if limit is None else min(count, limit)
    # All words of a buffer in one call. What is no word with a vector, or no whole one, is a match
    # to the end without a word. The tool that defined the format ends each vector with a line
    # break, which then begins the next word; others do not. To strip it off each of millions of
    # words would take as long as to look them up.
    if wanted is not None:
        wanted = wanted | {b"\n" + word for word in wanted}
    record = re.compile(rb"([^ ]{0,%d}) .{%d}|.+" % (_LONGEST_WORD - 1, width), re.DOTALL)
    # A word with its vector is in it once it is full, if there is one.
    buffer = memoryview(bytearray(_READ_BYTES + _LONGEST_WORD + width))
    filled = 0
    while left:
        filled += _fill(buffer[filled:], stream)
        words: list[bytes] = record.findall(buffer, 0, filled)[:left]
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        ends = np.cumsum(lengths + (1 + width))
        if words and (ends[-1] > filled or buffer[ends[-1] - width - 1] != ord(" ")):
            words, ends = words[:-1], ends[:-1]
        if not words:
            raise DataError(
                f"{path} ends, or has no word, at word {count - left + 1} of the {count} that its "
                "first line claims."
            )
        places: Iterable[int] = range(len(words))
        if wanted is not None:
            places = np.flatnonzero(np.fromiter(map(wanted.__contains__, words), bool, len(words)))
        for place in places:
            yield words[place].lstrip(b"\n"), bytes(buffer[ends[place] - width : ends[place]])
        left -= len(words)
        rest = filled - int(ends[-1])
        buffer[:rest] = bytes(buffer[filled - rest : filled])
        filled = rest


def _fill(buffer: memoryview, stream: IO[bytes]) -> int:
    """Reads until a buffer is full or nothing more comes; how many bytes."""
    filled = 0
    while read := stream.readinto(buffer[filled:]):  # type: ignore[attr-defined]
        filled += read
    return filled


def _text_rows(
    stream: IO[bytes],
    size: int | None,
    path: Path,
    wanted: Set[bytes] | None,
    limit: int | None,
) -> Iterator[tuple[bytes, bytes]]:
    """Yields the wanted ones of the first `limit` words with the bytes of their vectors."""
    line = stream.readline(_LONGEST_LINE)
    count: int | None = None
    if len(line.split()) == 2:
        count, vector_size = _header(line, path)
        line = stream.readline(_LONGEST_LINE)
    else:
        # GloVe's files begin with the first word.
        _, vector_size = _header(b"1 %d" % (len(line.split()) - 1), path)
    number = 0
    while line and number != limit:
        number += 1
        word, _, rest = line.rstrip().partition(b" ")
        if wanted is None or word in wanted:
            word, rest = _with_all_parts(word, rest, vector_size)
        if wanted is None or word in wanted:
            yield word, _text_vector(rest, vector_size, number, path)
        line = stream.readline(_LONGEST_LINE)
    if count is not None and number != count and number != limit:
        raise DataError(f"{path} claims {count} words in its first line. It has {number}.")


def _has_bytes(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _with_all_parts(word: bytes, rest: bytes, vector_size: int) -> tuple[bytes, bytes]:
    """A word and its vector, where the word may have spaces, as in the largest of GloVe's files."""
    *parts, vector = rest.split(b" ", max(0, rest.count(b" ") + 1 - vector_size))
    if all(map(_is_number, parts)):
        return word, rest
    return b" ".join([word, *parts]), vector


def _is_number(part: bytes) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return True


def _text_vector(rest: bytes, vector_size: int, number: int, path: Path) -> bytes:
    try:
        # What is too large for a float becomes infinite, which is refused with what else is.
        with np.errstate(over="ignore"):
            vector = np.array(rest.split(), dtype="<f4")
    except ValueError:
        raise DataError(
            f"{path}, word {number}: the vector holds something else than numbers."
        ) from None
    if len(vector) != vector_size:
        raise DataError(
            f"{path}, word {number}: expected {vector_size} numbers. Received {len(vector)}."
        )
    return vector.tobytes()
