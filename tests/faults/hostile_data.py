"""Corpora, tables, texts and word vectors as somebody would make them who means harm.

Each case is a function that gets a folder, writes a file into it, and returns its path. To add a
case, add a function.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

Maker = Callable[[Path], Path]
CASES: dict[str, tuple[str, Maker]] = {}
BAD_DATA, BAD_RESOURCE = 3, 5
MANY = 20 << 20


def _noted(kind: str) -> Callable[[Maker], Maker]:
    def note(maker: Maker) -> Maker:
        CASES[maker.__name__] = kind, maker
        return maker

    return note


corpus, table, text, vectors = map(_noted, ("corpus", "table", "text", "vectors"))
# Corpora in which everything else is passed over.
passed_over = _noted("passed over")


# Archives of reviews


def _archive(folder: Path, *members: tuple[tarfile.TarInfo, bytes], whole: bool = True) -> Path:
    """An archive with the members, and behind them a corpus that would do."""
    path = folder / "corpus.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))
        if whole:
            for part in ("train/neg/0_2", "train/pos/0_9", "test/neg/0_2", "test/pos/0_9"):
                archive.addfile(*_member(f"aclImdb/{part}.txt", b"A film."))
    return path


def _member(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, io.BytesIO]:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in fields.items():
        setattr(member, key, value)
    return member, io.BytesIO(data)


def _with(folder: Path, name: str, data: bytes = b"", **fields: object) -> Path:
    member, _ = _member(name, data, **fields)
    return _archive(folder, (member, data))


REVIEW = "aclImdb/train/neg/5_1.txt"


@corpus
def tar_symbolic_link(folder):
    return _with(folder, REVIEW, type=tarfile.SYMTYPE, linkname="/etc/passwd")


@corpus
def tar_hard_link(folder):
    return _with(folder, REVIEW, type=tarfile.LNKTYPE, linkname="/etc/passwd")


@corpus
def tar_device(folder):
    return _with(folder, REVIEW, type=tarfile.CHRTYPE, devmajor=1, devminor=5)


@corpus
def tar_pipe(folder):
    return _with(folder, REVIEW, type=tarfile.FIFOTYPE)


@corpus
def tar_folder_for_a_review(folder):
    return _with(folder, REVIEW, type=tarfile.DIRTYPE)


@corpus
def tar_sparse(folder):
    return _with(folder, REVIEW, type=tarfile.GNUTYPE_SPARSE)


@corpus
def tar_review_twice(folder):
    twice = [(_member(REVIEW, b"x")[0], b"x")] * 2
    return _archive(folder, *twice)


@corpus
def tar_number_twice(folder):
    first, second = (_member(name, b"x")[0] for name in (REVIEW, "aclImdb/train/neg/5_2.txt"))
    return _archive(folder, (first, b"x"), (second, b"x"))


def _claiming(folder: Path, size: int, *before: tuple[tarfile.TarInfo, bytes]) -> Path:
    """An archive whose first file, a review unless it is given, claims a size."""
    data = bytearray(_archive(folder, *before).read_bytes())
    data = bytearray(gzip.decompress(data))
    header = data[:512]
    # Negative and very large sizes are binary numbers.
    header[124:136] = b"\x80" + size.to_bytes(11, "big") if size >= 0 else b"\xff" * 12
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data[:512] = header
    (folder / "corpus.tar.gz").write_bytes(gzip.compress(bytes(data)))
    return folder / "corpus.tar.gz"


@corpus
def tar_that_claims_a_terabyte(folder):
    return _claiming(folder, 1 << 40)


@corpus
def tar_that_passes_over_exabytes(folder):
    """To read on behind a file that nobody asked for takes years, if one goes block by block."""
    return _claiming(folder, 1 << 62, (tarfile.TarInfo("aclImdb/README"), b""))


@corpus
def tar_below_zero(folder):
    return _claiming(folder, -1)


@corpus
def tar_review_of_megabytes(folder):
    return _with(folder, REVIEW, b"x" * (2 << 20))


@corpus
def tar_review_without_text(folder):
    return _with(folder, REVIEW, b" \n")


@corpus
def tar_review_of_other_bytes(folder):
    return _with(folder, REVIEW, b"\xff\xfe\x00")


@corpus
def tar_films_without_end(folder):
    member, _ = _member("aclImdb/train/urls_neg.txt")
    data = b"x" * (9 << 20)
    member.size = len(data)
    return _archive(folder, (member, data))


@corpus
def tar_films_that_name_none(folder):
    return _with(folder, "aclImdb/train/urls_neg.txt", b"\n\n")


@corpus
def tar_without_reviews(folder):
    return _archive(folder, whole=False)


@corpus
def tar_that_ends_early(folder):
    data = _archive(folder).read_bytes()
    (folder / "corpus.tar.gz").write_bytes(data[: len(data) // 2])
    return folder / "corpus.tar.gz"


@corpus
def tar_without_its_checksum(folder):
    data = bytearray(_archive(folder).read_bytes())
    data[-6] ^= 1
    (folder / "corpus.tar.gz").write_bytes(data)
    return folder / "corpus.tar.gz"


@corpus
def tar_that_is_a_zip(folder):
    with zipfile.ZipFile(folder / "corpus.tar.gz", "w") as archive:
        archive.writestr("aclImdb/train/neg/0_1.txt", "x")
    return folder / "corpus.tar.gz"


@corpus
def tar_that_is_empty(folder):
    (folder / "corpus.tar.gz").write_bytes(b"")
    return folder / "corpus.tar.gz"


@corpus
def tar_that_is_a_folder(folder):
    (folder / "corpus.tar.gz").mkdir()
    return folder / "corpus.tar.gz"


@corpus
def tar_that_is_missing(folder):
    return folder / "corpus.tar.gz"


@corpus
def folder_with_a_link(folder):
    for part in ("train/neg", "train/pos", "test/neg", "test/pos"):
        (folder / "aclImdb" / part).mkdir(parents=True)
        (folder / "aclImdb" / part / "0_1.txt").write_text("A film.")
    (folder / "aclImdb" / "train" / "neg" / "1_1.txt").symlink_to("/etc/passwd")
    return folder


@passed_over
def tar_that_leads_outside(folder):
    names = ("../escape", "../../escape", "aclImdb/../escape", "aclImdb/train/neg/../../0_1.txt")
    return _archive(folder, *((_member(name, b"x")[0], b"x") for name in names))


@passed_over
def tar_with_absolute_names(folder):
    names = (str(folder / "escape"), "/etc/cron.d/escape", "//escape")
    return _archive(folder, *((_member(name, b"x")[0], b"x") for name in names))


@passed_over
def tar_with_names_that_speak_to_terminals(folder):
    names = ("aclImdb/\x1b[2J/0_1.txt", "aclImdb/train/neg/0_1.txt\n", "\u202e")
    return _archive(folder, *((_member(name, b"x")[0], b"x") for name in names))


@corpus
def tar_review_whose_name_speaks_to_terminals(folder):
    return _with(folder, "aclImdb/train/neg/\x1b[2J\u202e.txt", b"\xff")


@corpus
def tar_of_two_corpora_whose_names_speak_to_terminals(folder):
    return _with(folder, "\x1b[2J\u202e/train/neg/0_1.txt", b"x")


@passed_over
def tar_with_links_outside(folder):
    link = _member("aclImdb/train", type=tarfile.SYMTYPE, linkname="/etc")[0]
    return _archive(folder, (link, b""), (_member("passwd", b"x")[0], b"x"))


# Tables


def _table(folder: Path, content: str | bytes, suffix: str = ".csv") -> Path:
    path = folder / f"table{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@table
def csv_with_a_quote_that_never_ends(folder):
    return _table(folder, 'text,label\n"' + "x" * (100 << 20))


@table
def csv_with_a_quote_in_the_middle(folder):
    return _table(folder, 'text,label\n"a" b,1\nc,0\n')


@table
def csv_of_another_encoding(folder):
    return _table(folder, "text,label\né,1\nb,0\n".encode("latin-1"))


@table
def csv_of_utf_16(folder):
    return _table(folder, "text,label\na,1\nb,0\n".encode("utf-16"))


@table
def csv_of_ragged_rows(folder):
    return _table(folder, "text,label\na,1\nb,0,7\n")


@table
def csv_of_rows_that_are_too_short(folder):
    return _table(folder, "text,label\na,1\nb\n")


@table
def csv_of_commas(folder):
    return _table(folder, "text,label\n" + "," * MANY)


@table
def csv_of_columns_without_end(folder):
    return _table(folder, ",".join(f"column{number}" for number in range(200_000)) + "\n")


@table
def csv_of_zeros(folder):
    return _table(folder, bytes(1000))


@table
def csv_with_zeros_in_a_label(folder):
    return _table(folder, b"text,label\na,\x00\nb,0\n")


@table
def csv_with_labels_that_speak_to_terminals(folder):
    return _table(folder, "text,label\na,\x1b[2J\x1b]0;pwned\x07\u202e\nb,0\n")


@table
def csv_with_a_header_that_speaks_to_terminals(folder):
    return _table(folder, "\x1b[2J,\u202elabel\na,1\n")


@table
def csv_with_labels_of_many_digits(folder):
    return _table(folder, f"text,label\na,{'9' * 100_000}\nb,0\n")


@table
def csv_that_is_empty(folder):
    return _table(folder, "")


@table
def csv_of_half_a_surrogate_pair(folder):
    return _table(folder, b"text,label\n\xed\xa0\x80,1\nb,0\n")


@table
def tsv_that_is_a_csv(folder):
    return _table(folder, "text,label\na,1\nb,0\n", ".tsv")


@table
def json_lines_of_depth(folder):
    return _table(folder, '{"text":' + "[" * 2_000_000, ".jsonl")


@table
def json_lines_of_closed_depth(folder):
    deep = "[" * 100_000 + "]" * 100_000
    return _table(folder, f'{{"text": {deep}, "label": 1}}\n', ".jsonl")


@table
def json_lines_of_many_digits(folder):
    return _table(folder, '{"text": "a", "label": ' + "9" * 1_000_000 + "}\n", ".jsonl")


@table
def json_lines_of_no_numbers(folder):
    return _table(folder, '{"text": "a", "label": NaN}\n', ".jsonl")


@table
def json_lines_of_half_a_surrogate_pair(folder):
    return _table(folder, r'{"text": "\ud800", "label": 1}', ".jsonl")


@table
def json_lines_of_lists(folder):
    return _table(folder, "[1]\n", ".jsonl")


@table
def json_lines_of_objects_for_labels(folder):
    line = json.dumps({"text": "a", "label": {"x" * 100_000: 1}})
    return _table(folder, line, ".jsonl")


@table
def parquet_that_is_none(folder):
    pytest.importorskip("pyarrow")
    return _table(folder, b"PAR1" + bytes(100) + b"PAR1", ".parquet")


def _parquet(folder: Path) -> Path:
    pytest.importorskip("pyarrow")
    import pyarrow
    import pyarrow.parquet

    texts = [f"review {number}" for number in range(1000)]
    columns = {"text": texts, "label": [number % 2 for number in range(1000)]}
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "table.parquet")
    return folder / "table.parquet"


@table
def parquet_that_ends_early(folder):
    path = _parquet(folder)
    return _table(folder, path.read_bytes()[:-100], ".parquet")


@table
def parquet_with_damaged_pages(folder):
    data = bytearray(_parquet(folder).read_bytes())
    data[4:2000] = bytes(1996)
    return _table(folder, bytes(data), ".parquet")


@table
def parquet_with_a_footer_that_claims_gigabytes(folder):
    data = bytearray(_parquet(folder).read_bytes())
    data[-8:-4] = struct.pack("<I", 0x7FFFFFFF)
    return _table(folder, bytes(data), ".parquet")


@table
def parquet_that_unpacks_to_gigabytes(folder):
    pytest.importorskip("pyarrow")
    import pyarrow
    import pyarrow.parquet

    # One text of a megabyte, 100,000 times, takes a megabyte.
    column = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0] * 100_000, pyarrow.int32()), ["x" * (1 << 20)]
    )
    labels = pyarrow.array([number % 2 for number in range(100_000)])
    names = pyarrow.table({"text": column, "label": labels})
    pyarrow.parquet.write_table(names, folder / "table.parquet")
    assert (folder / "table.parquet").stat().st_size < 2 << 20
    return folder / "table.parquet"


# Texts


@text
def text_of_zeros(folder):
    (folder / "text.txt").write_bytes(bytes(1000))
    return folder / "text.txt"


@text
def text_of_another_encoding(folder):
    (folder / "text.txt").write_bytes("Käse".encode("latin-1"))
    return folder / "text.txt"


def _gzip_bomb(path: Path, gigabytes: int, byte: bytes = b"a") -> Path:
    """Gigabytes of one byte, compressed a piece at a time."""
    compressor = zlib.compressobj(9, wbits=31)
    piece = byte * (1 << 24)
    with path.open("wb") as file:
        for _ in range(gigabytes << 6):
            file.write(compressor.compress(piece))
        file.write(compressor.flush())
    return path


@text
def text_in_a_zip_with_two_files(folder):
    with zipfile.ZipFile(folder / "text.zip", "w") as archive:
        archive.writestr("../../escape", "x")
        archive.writestr("/etc/passwd", "x")
    return folder / "text.zip"


@text
def text_in_a_damaged_zip(folder):
    with zipfile.ZipFile(folder / "text.zip", "w") as archive:
        archive.writestr("text", "to be or not to be " * 100)
    data = bytearray((folder / "text.zip").read_bytes())
    data[200] ^= 1
    (folder / "text.zip").write_bytes(data)
    return folder / "text.zip"


@text
def text_in_a_gzip_that_ends_early(folder):
    (folder / "text.gz").write_bytes(gzip.compress(b"to be or not to be" * 1000)[:-12])
    return folder / "text.gz"


# Word vectors


def _vectors(folder: Path, content: bytes, name: str = "vectors.bin") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@vectors
def vectors_that_claim_billions(folder):
    return _vectors(folder, b"4000000000 300\n" + bytes(10_000))


@vectors
def vectors_below_zero(folder):
    return _vectors(folder, b"-5 300\n" + bytes(10_000))


@vectors
def vectors_of_a_size_below_zero(folder):
    return _vectors(folder, b"5 -300\n" + bytes(10_000))


@vectors
def vectors_of_billions_of_numbers(folder):
    return _vectors(folder, b"1 4000000000\n" + bytes(10_000))


@vectors
def vectors_with_a_header_of_many_digits(folder):
    return _vectors(folder, b"9" * 5000 + b" 300\n" + bytes(10_000), "vectors.txt")


@vectors
def vectors_with_a_line_that_never_ends(folder):
    return _vectors(folder, b"2 3\n" + b"x" * MANY, "vectors.txt")


@vectors
def vectors_with_a_header_that_never_ends(folder):
    return _vectors(folder, b"9" * MANY)


@vectors
def vectors_with_a_word_that_never_ends(folder):
    return _vectors(folder, b"1000 3\n" + b"x" * MANY)


@vectors
def vectors_of_zeros(folder):
    return _vectors(folder, bytes(MANY))


@vectors
def vectors_that_are_no_numbers(folder):
    return _vectors(folder, b"2 3\ngood 1 2 nan\nbad 1 2 3\n", "vectors.txt")


@vectors
def vectors_beyond_floats(folder):
    return _vectors(folder, b"2 3\ngood 1 2 1e999\nbad 1 2 3\n", "vectors.txt")


@vectors
def vectors_of_words(folder):
    return _vectors(folder, b"2 3\ngood a b c\nbad 1 2 3\n", "vectors.txt")


@vectors
def vectors_of_another_size_than_they_say(folder):
    return _vectors(folder, b"2 3\ngood 1 2 3 4\nbad 1 2 3\n", "vectors.txt")


@vectors
def vectors_that_claim_billions_in_a_gzip(folder):
    return _vectors(folder, gzip.compress(b"4000000000 300\n" + bytes(100)), "vectors.bin.gz")


@vectors
def vectors_in_a_damaged_gzip(folder):
    data = bytearray(gzip.compress(b"2 3\ngood 1 2 3\nbad 1 2 3\n" * 500))
    data[40] ^= 0xFF
    return _vectors(folder, bytes(data), "vectors.txt.gz")


@vectors
def vectors_in_a_gzip_that_unpacks_to_gigabytes(folder):
    return _gzip_bomb(folder / "vectors.txt.gz", 1)


@vectors
def vectors_that_are_a_pickle(folder):
    return _vectors(folder, b"\x80\x04cos\nsystem\n(S'true'\ntR.")


@vectors
def vectors_that_are_a_folder(folder):
    (folder / "vectors.bin").mkdir()
    return folder / "vectors.bin"
