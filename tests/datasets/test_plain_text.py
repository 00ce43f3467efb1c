import contextlib
import gzip
import hashlib
import io
import re
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn import _zip, cli
from sentiment_rnn.datasets import load_names, load_text, plain_text
from sentiment_rnn.datasets.download import SOURCES, Source
from sentiment_rnn.errors import DataError, ResourceError

CORPUS = "anarchism originated as a term of abuse "


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a", "a"),
        (b"one\r\ntwo\rthree\n\r\n", "one\ntwo\nthree\n\n"),
        ("\ufeffZwölf Boxkämpfer\r\n🥊 jagen", "Zwölf Boxkämpfer\n🥊 jagen"),
        # Only the first is a mark; and what other characters part lines for, they stay.
        ("\ufeff\ufeffa\u2028b\x0bc\x85", "\ufeffa\u2028b\x0bc\x85"),
    ],
)
def test_texts(tmp_path, content, text):
    path = write(tmp_path / "text.txt", content)
    assert load_text(path) == load_text(str(path)) == text
    data = path.read_bytes()
    assert load_text(write(tmp_path / "text.txt.GZ", gzip.compress(data))) == text
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        archive = zipped(("folder/", b""), ("folder/text", data), method=method)
        assert load_text(write(tmp_path / "text.zip", archive)) == text


@given(st.text(min_size=1).filter(lambda text: not {"\0", "\r"} & set(text)))
def test_any_text(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("texts") / "text"
    assert load_text(write(path, "\ufeff" + text)) == text
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert load_text(path) == text.removeprefix("\ufeff") or text == "\ufeff"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty. Expected a text."),
        (b"\xef\xbb\xbf", "is empty. Expected a text."),
        (
            b"\x89PNG\r\n\x1a\n\0\0",
            "holds a zero byte (at byte 8). Expected UTF-8 text, not UTF-16",
        ),
        ("Käse".encode("utf-16"), "holds a zero byte (at byte 3). Expected UTF-8 text"),
        (b"caf\xe9 au lait", "is not UTF-8 text (at byte 3)."),
        (b"\xef\xbb\xbfcaf\xe9", "is not UTF-8 text (at byte 6)."),
        (b"half an \xe2\x82", "is not UTF-8 text (at byte 8)."),
        (b"\xed\xa0\x80", "is not UTF-8 text (at byte 0)."),
    ],
)
def test_what_is_no_text(tmp_path, content, message):
    for name, packed in [
        ("text", content),
        ("text.gz", gzip.compress(content)),
        ("text.zip", zipped(("text", content))),
    ]:
        path = write(tmp_path / name, packed)
        for load in (load_text, load_names):
            with pytest.raises(DataError, match=f"^{re.escape(f'{path} {message}')}.*$"):
                load(path)


def test_what_can_not_be_read(tmp_path):
    for name in ("missing.txt", "missing.gz", "missing.zip"):
        message = f"^Could not read {tmp_path / name}: No such file or directory$"
        for load in (load_text, load_names):
            with pytest.raises(ResourceError, match=message):
                load(tmp_path / name)
    with pytest.raises(ResourceError, match=f"^Could not read {tmp_path}: Is a directory$"):
        load_text(tmp_path)


def test_damaged_gzip(tmp_path):
    packed = gzip.compress(CORPUS.encode() * 100)
    for content in (
        b"no gzip",
        packed[: len(packed) // 2],
        packed[:-8] + b"12345678",
        packed[:12] + b"\xff\xff\xff" + packed[15:],
    ):
        path = write(tmp_path / "text.gz", content)
        message = rf"^{path} is damaged or incomplete \(.*\)\. Expected a \.gz file\.$"
        with pytest.raises(DataError, match=message):
            load_text(path)


def test_damaged_zip(tmp_path):
    packed = zipped(("text", CORPUS * 100))
    for content in (
        b"no zip",
        packed[: len(packed) // 2],
        packed[:40] + b"\xff\xff\xff\xff" + packed[44:],
        packed.replace(b"text", b"TEXT", 1),
    ):
        path = write(tmp_path / "text.zip", content)
        message = rf"^{path} is damaged or incomplete \(.*\)\. Expected a \.zip file\.$"
        with pytest.raises(DataError, match=message):
            load_text(path)


def test_a_zip_with_a_changed_byte(tmp_path):
    """Wherever it is, it is harmless or found out."""
    packed = zipped(("täxt", CORPUS))
    path = tmp_path / "text.zip"
    for place in range(len(packed)):
        for value in (0, 0x20, 0x40, 0x80, 0xFF, packed[place] ^ 1):
            write(path, packed[:place] + bytes([value]) + packed[place + 1 :])
            with contextlib.suppress(DataError):
                assert load_text(path) == CORPUS


def test_a_zip_that_holds_something_else(tmp_path):
    for members, count in [([], 0), ([("a", b"a"), ("b", b"b")], 2)]:
        path = write(tmp_path / "text.zip", zipped(*members))
        with pytest.raises(DataError, match=f"^{path} holds {count} files. Expected one: the text"):
            load_text(path)
    encrypted = bytearray(zipped(("text", CORPUS)))
    encrypted[encrypted.index(b"PK\1\2") + 8] |= 1
    for content in (bytes(encrypted), zipped(("text", CORPUS), method=zipfile.ZIP_BZIP2)):
        path = write(tmp_path / "text.zip", content)
        with pytest.raises(DataError, match="is encrypted or packed in a rare way. Expected a def"):
            load_text(path)


def test_what_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_text, "MAX_TEXT_BYTES", 1000)
    monkeypatch.setattr(plain_text, "_BLOCK_BYTES", 100)
    for size in (1000, 1001):
        content = b"a" * size
        for name, packed in [
            ("text", content),
            ("text.gz", gzip.compress(content)),
            ("text.zip", zipped(("text", content))),
        ]:
            path = write(tmp_path / name, packed)
            if size == 1000:
                assert len(load_text(path)) == 1000
            else:
                with pytest.raises(DataError, match=f"^{path} has more than 1,000 bytes of text.$"):
                    load_text(path)


def test_a_zip_that_lists_very_many_files(tmp_path, monkeypatch):
    many = write(tmp_path / "text.zip", zipped(*((str(name), b"") for name in range(100))))
    with pytest.raises(DataError, match="holds 100 files"):
        load_text(many)
    monkeypatch.setattr(_zip, "MAX_LIST_BYTES", 1000)
    with pytest.raises(DataError, match=r"damaged or incomplete \(it lists too many files\)"):
        load_text(many)


def test_names(tmp_path):
    lines = "\ufeffZoë\r\n  Mary Ann\t\n\n \nzoë\nZoë\nO’Neil\u2028x"
    path = write(tmp_path / "names.txt", lines)
    assert load_names(path) == ["Zoë", "Mary Ann", "zoë", "O’Neil\u2028x"]
    write(path, "\n \r\n\t")
    with pytest.raises(DataError, match=f"^{path} has only empty lines. Expected a name a line.$"):
        load_names(path)


def test_the_real_texts(real_data):
    names = load_names(real_data / "names.txt")
    lines = (real_data / "names.txt").read_text(encoding="utf-8").split()
    assert set(lines) <= set(" ".join(names).split())
    assert len(names) == len(set(names)) > 1000
    text = load_text(real_data / "tinyshakespeare.txt")
    assert len(text) == 1_115_394
    assert text.startswith("First Citizen:\nBefore we proceed any further")


def test_the_official_text8():
    # The size is the one that the document checks. The hash is that of several independent
    # projects which check the same zip: not of the 100,000,000 bytes in it.
    assert SOURCES["text8"] == Source(
        "https://mattmahoney.net/dc/text8.zip",
        "text8.zip",
        "sha256",
        "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
        31_344_016,
    )


def test_the_command_line_downloads_what_is_known(tmp_path, monkeypatch, capsys):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SENTIMENT_RNN_CACHE", str(tmp_path / "cache"))
    served = tmp_path / "served"
    served.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        for name, known in list(SOURCES.items()):
            content = zipped((name, CORPUS))
            write(served / known.filename, content)
            source = Source(
                url=f"http://127.0.0.1:{server.server_address[1]}/{known.filename}",
                filename=known.filename,
                hash_name=known.hash_name,
                digest=hashlib.new(known.hash_name, content).hexdigest(),
                size=len(content),
            )
            monkeypatch.setitem(SOURCES, name, source)
            assert cli.main(["download", name]) == 0
            assert capsys.readouterr().out == f"{tmp_path / 'cache' / known.filename}\n"
        server.shutdown()
        thread.join()
    assert load_text(tmp_path / "cache" / "text8.zip") == CORPUS
