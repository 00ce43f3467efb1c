import errno
import hashlib
import os
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sentiment_rnn.datasets import cache_folder, download
from sentiment_rnn.datasets.download import SOURCES, Source, fetch
from sentiment_rnn.errors import ResourceError, UsageError

CONTENT = bytes(range(256)) * 4000
HALF = len(CONTENT) // 2


class Server:
    """A web server whose manners a test chooses; it remembers which ranges it was asked for."""

    def __init__(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                wanted = self.headers.get("Range")
                server.ranges.append(wanted)
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                server.manners(self, start)

        self.ranges: list[str | None] = []
        self.manners = polite
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        port = self._server.server_address[1]
        self.source = Source(
            url=f"http://127.0.0.1:{port}/corpus.tar.gz",
            filename="corpus.tar.gz",
            hash_name="md5",
            digest=hashlib.md5(CONTENT).hexdigest(),
            size=len(CONTENT),
        )

    def stop(self):
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


def answer(handler, status, body, length=None, **headers):
    handler.send_response(status)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def polite(handler, start):
    body = CONTENT[start:]
    if start:
        content_range = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        answer(handler, 206, body, len(body), Content_Range=content_range)
    else:
        answer(handler, 200, body, len(body))


def cuts_in_the_middle(handler, start):
    answer(handler, 200, CONTENT[:HALF], len(CONTENT))


def knows_no_ranges(handler, start):
    answer(handler, 200, CONTENT, len(CONTENT))


def cannot_satisfy_ranges(handler, start):
    if start:
        answer(handler, 416, b"", 0)
    else:
        polite(handler, start)


def answers_another_range(handler, start):
    answer(handler, 206, CONTENT, len(CONTENT), Content_Range=f"bytes 0-{len(CONTENT) - 1}/*")


def never_stops(handler, start):
    answer(handler, 200, CONTENT + b"more" * 1000)


def announces_more(handler, start):
    answer(handler, 200, CONTENT + b"more", len(CONTENT) + 4)


def sends_something_else(handler, start):
    answer(handler, 200, CONTENT[::-1], len(CONTENT))


def is_missing(handler, start):
    answer(handler, 404, b"gone", 4)


def redirects_to(url):
    return lambda handler, start: answer(handler, 302, b"", 0, Location=url)


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    yield server
    server.stop()


def get(server, folder, **options):
    return fetch(server.source, folder, progress=False, **options)


def test_fresh_then_from_the_cache(server, tmp_path):
    path = get(server, tmp_path / "new" / "cache")
    assert path == tmp_path / "new" / "cache" / "corpus.tar.gz"
    assert path.read_bytes() == CONTENT
    assert not path.with_name("corpus.tar.gz.part").exists()
    server.stop()
    assert get(server, tmp_path / "new" / "cache") == path
    assert server.ranges == [None]


def test_a_damaged_file_in_the_cache_is_replaced(server, tmp_path):
    path = tmp_path / "corpus.tar.gz"
    path.write_bytes(CONTENT[::-1])
    assert get(server, tmp_path).read_bytes() == CONTENT
    path.write_bytes(CONTENT[:-1])
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_resuming_after_a_cut(server, tmp_path):
    part = tmp_path / "corpus.tar.gz.part"
    server.manners = cuts_in_the_middle
    expected = (
        rf"Could not download {server.source.url}: the connection ended after 512,000 of "
        rf"1,024,000 bytes\.\nWhat has come is kept in {part}: try again"
    )
    with pytest.raises(ResourceError, match=expected):
        get(server, tmp_path)
    assert part.read_bytes() == CONTENT[:HALF]
    assert not (tmp_path / "corpus.tar.gz").exists()
    server.manners = polite
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]
    assert not part.exists()


@pytest.mark.parametrize("manners", [knows_no_ranges, cannot_satisfy_ranges])
def test_starting_over_where_there_are_no_ranges(server, tmp_path, manners):
    (tmp_path / "corpus.tar.gz.part").write_bytes(b"x" * HALF)
    server.manners = manners
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges[0] == f"bytes={HALF}-"


def test_a_whole_part_needs_no_network(server, tmp_path):
    server.stop()
    (tmp_path / "corpus.tar.gz.part").write_bytes(CONTENT)
    assert get(server, tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_not_gone_on_from(server, tmp_path):
    (tmp_path / "corpus.tar.gz.part").write_bytes(CONTENT + b"x")
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_part_of_another_file_is_found_out_by_the_hash(server, tmp_path):
    (tmp_path / "corpus.tar.gz.part").write_bytes(b"x" * HALF)
    with pytest.raises(ResourceError, match="not the file expected"):
        get(server, tmp_path)
    assert get(server, tmp_path).read_bytes() == CONTENT


def test_another_range_than_asked_for(server, tmp_path):
    (tmp_path / "corpus.tar.gz.part").write_bytes(CONTENT[:HALF])
    server.manners = answers_another_range
    with pytest.raises(ResourceError, match=f"sends 'bytes 0-.*Expected: bytes {HALF}-"):
        get(server, tmp_path)
    assert not (tmp_path / "corpus.tar.gz").exists()


def test_a_wrong_hash(server, tmp_path):
    server.manners = sends_something_else
    got = hashlib.md5(CONTENT[::-1]).hexdigest()
    expected = (
        rf"{server.source.url} is not the file expected and was removed\.\n"
        rf"Expected md5: {server.source.digest}\. Received: {got}"
    )
    with pytest.raises(ResourceError, match=expected):
        get(server, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.tar.gz.lock"]


def test_no_byte_more_than_expected_is_written(server, tmp_path, monkeypatch):
    sizes = []
    rename = os.replace

    def watched(part, target):
        sizes.append(Path(part).stat().st_size)
        rename(part, target)

    monkeypatch.setattr(os, "replace", watched)
    server.manners = never_stops
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert sizes == [len(CONTENT)]


def test_another_size_is_refused_before_it_is_stored(server, tmp_path):
    server.manners = announces_more
    with pytest.raises(ResourceError, match=r"has 1,024,004 bytes\. Expected: 1,024,000"):
        get(server, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.tar.gz.lock"]


def test_a_missing_page(server, tmp_path):
    server.manners = is_missing
    with pytest.raises(ResourceError, match=r"Could not download .*: the server answered 404 Not"):
        get(server, tmp_path)
    assert not (tmp_path / "corpus.tar.gz").exists()


def test_connection_refused_keeps_the_part(server, tmp_path):
    server.stop()
    with pytest.raises(ResourceError, match=r"Could not download .*Connection refused\.$"):
        get(server, tmp_path)
    part = tmp_path / "corpus.tar.gz.part"
    part.write_bytes(CONTENT[:HALF])
    with pytest.raises(ResourceError, match=r"Connection refused\.\nWhat has come is kept in"):
        get(server, tmp_path)
    assert part.read_bytes() == CONTENT[:HALF]


def test_a_server_that_says_nothing(server, tmp_path):
    done = threading.Event()
    server.manners = lambda handler, start: done.wait(10)
    with pytest.raises(ResourceError, match=r"Could not download .*timed out"):
        get(server, tmp_path, timeout=0.2)
    done.set()


def test_a_server_that_falls_silent(server, tmp_path):
    done = threading.Event()

    def falls_silent(handler, start):
        answer(handler, 200, CONTENT[:HALF], len(CONTENT))
        done.wait(10)

    server.manners = falls_silent
    with pytest.raises(ResourceError, match=r"timed out\.\nWhat has come is kept in"):
        get(server, tmp_path, timeout=0.3)
    done.set()
    assert (tmp_path / "corpus.tar.gz.part").read_bytes() == CONTENT[:HALF]


def test_only_https(server, tmp_path):
    for url in ("http://example.com/a", "ftp://localhost/a", "file:///etc/passwd"):
        with pytest.raises(ResourceError, match=f"Expected an https address. Received: {url}"):
            fetch(replace(server.source, url=url), tmp_path)
    server.manners = redirects_to("http://example.com/a")
    with pytest.raises(ResourceError, match=r"https address\. Received: http://example\.com/a"):
        get(server, tmp_path)


def test_a_redirect_to_a_fine_address(server, tmp_path):
    other = Server()
    server.manners = redirects_to(other.source.url)
    (tmp_path / "corpus.tar.gz.part").write_bytes(CONTENT[:HALF])
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert other.ranges == [f"bytes={HALF}-"]
    other.stop()


def test_a_full_disk(server, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    expected = rf"Could not store corpus\.tar\.gz in {tmp_path}: No space left on device"
    with pytest.raises(ResourceError, match=expected):
        get(server, tmp_path)
    assert not (tmp_path / "corpus.tar.gz").exists()


def test_a_cache_folder_that_is_a_file(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match=r"Could not store corpus\.tar\.gz in .*: File exists"):
        get(server, tmp_path / "file")


def test_two_processes_at_once(server, tmp_path):
    pytest.importorskip("fcntl")
    holder = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'ab')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / "corpus.tar.gz.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(ResourceError, match=r"Another process is downloading to .*Wait until"):
            get(server, tmp_path)
        process.kill()
    assert get(server, tmp_path).read_bytes() == CONTENT


def test_progress_goes_to_standard_error(server, tmp_path, capsys):
    fetch(server.source, tmp_path)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "corpus.tar.gz: 100%" in captured.err
    get(server, tmp_path / "quiet")
    assert capsys.readouterr().err == ""


def test_download_by_name(server, tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, "imdb", server.source)
    assert download("imdb", cache=tmp_path, progress=False) == tmp_path / "corpus.tar.gz"
    monkeypatch.setenv("SENTIMENT_RNN_CACHE", str(tmp_path / "other"))
    assert download("imdb", progress=False) == tmp_path / "other" / "corpus.tar.gz"


def test_the_official_archive():
    assert SOURCES["imdb"] == Source(
        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        "aclImdb_v1.tar.gz",
        "md5",
        "7c2ac02c03563afcf9b574c7e56c153a",
        84_125_825,
    )


def test_an_unknown_name():
    with pytest.raises(
        UsageError, match=r"Unknown download 'imbd'\. Expected one of: imdb, text8$"
    ):
        download("imbd")


def test_the_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_RNN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("SENTIMENT_RNN_CACHE", "~/kept")
    assert cache_folder() == Path.home() / "kept"
    monkeypatch.setenv("SENTIMENT_RNN_CACHE", "")
    assert cache_folder().name == "sentiment_rnn"
