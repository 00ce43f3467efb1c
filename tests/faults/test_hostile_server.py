"""What a server that means harm, or is broken, does to a download: a message, and no other file."""

import contextlib
import hashlib
import http.server
import importlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from sentiment_rnn.cli import main
from tests.faults.running import check

# Of the same name as the function that the room shows.
download = importlib.import_module("sentiment_rnn.datasets.download")

CONTENT = bytes(range(256)) * 4000
BAD_RESOURCE = 5
CASES: dict[str, Callable[[Any], None]] = {}


def case(manners):
    CASES[manners.__name__] = manners
    return manners


def answer(handler, body=b"", status=200, **headers):
    handler.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@case
def shorter_than_announced(handler):
    answer(handler, CONTENT[:1000], Content_Length=str(len(CONTENT)))


@case
def announced_as_shorter(handler):
    answer(handler, CONTENT[:1000])


@case
def announced_as_a_petabyte(handler):
    answer(handler, CONTENT, Content_Length=str(1 << 50))


@case
def announced_below_zero(handler):
    answer(handler, CONTENT[:10], Content_Length="-5")


@case
def announced_in_words(handler):
    answer(handler, CONTENT[:10], Content_Length="many")


@case
def other_content(handler):
    answer(handler, bytes(len(CONTENT)))


@case
def one_bit_of_other_content(handler):
    answer(handler, CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))


@case
def without_end(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(bytes(1 << 16))


@case
def error_page(handler):
    answer(handler, b"<html>404</html>", status=404)


@case
def error_page_that_says_fine(handler):
    answer(handler, b"<html>Please log in</html>")


@case
def error_that_speaks_to_terminals(handler):
    handler.send_response(503, "\x1b[2J\x1b]0;pwned\x07")
    handler.end_headers()


@case
def redirect_to_itself(handler):
    answer(handler, status=302, Location=handler.path)


@case
def redirects_without_end(handler):
    answer(handler, status=302, Location=handler.path + "x")


@case
def redirect_to_a_file(handler):
    answer(handler, status=302, Location="file:///etc/passwd")


@case
def redirect_without_encryption(handler):
    answer(handler, status=302, Location="http://example.org/corpus")


@case
def redirect_to_nothing(handler):
    answer(handler, status=302)


@case
def redirect_that_is_no_address(handler):
    answer(handler, status=302, Location="http://[")


@case
def part_of_another_place(handler):
    answer(handler, CONTENT, status=206, Content_Range="bytes 7-99/100")


@case
def part_without_a_place(handler):
    answer(handler, CONTENT[:50], status=206)


@case
def no_http(handler):
    handler.wfile.write(b"\x16\x03\x01 SSH-2.0\r\n\r\n")


@case
def headers_without_end(handler):
    handler.send_response(200)
    for number in range(2000):
        handler.send_header(f"X-{number}", "x" * 100)
    handler.end_headers()


@case
def header_of_a_megabyte(handler):
    answer(handler, X="x" * (1 << 20))


@case
def nothing_at_all(handler):
    handler.close_connection = True


@case
def damaged_chunks(handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"FFFFFFFFFF\r\nabc")


@case
def stall(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT[:1000])
    handler.server.done.wait(20)


@case
def stall_before_an_answer(handler):
    handler.server.done.wait(20)


@case
def slow_drip(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    for byte in CONTENT:
        handler.wfile.write(bytes([byte]))
        if handler.server.done.wait(0.02):
            return


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        # Ends those who wait.
        self.done = threading.Event()


@pytest.fixture
def serve(monkeypatch):
    """Starts a server of some manners, and makes it the source of the IMDB reviews."""
    servers = []

    def start(manners):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                # The one who asks may have gone.
                with contextlib.suppress(OSError):
                    manners(self)

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        servers.append(server)
        address = f"http://127.0.0.1:{server.server_address[1]}/corpus"
        digest = hashlib.sha256(CONTENT).hexdigest()
        source = download.Source(address, "corpus.tar.gz", "sha256", digest, len(CONTENT))
        monkeypatch.setitem(download.SOURCES, "imdb", source)
        monkeypatch.setitem(download.fetch.__kwdefaults__, "timeout", 0.5)

    yield start
    for server in servers:
        server.done.set()
        server.shutdown()
        server.server_close()


def fetched(capsys):
    """What came of ``download imdb``, as `check` expects it."""
    code = main(["download", "imdb"])
    out, err = capsys.readouterr()
    # The bar of progress has lines of its own, which a carriage return begins anew.
    err = err[err.find("sentiment-rnn:") :] if "sentiment-rnn:" in err else ""
    return {"code": code, "out": out, "err": err, "reported": []}


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("name", list(CASES))
def test_a_hostile_server(serve, tmp_path, monkeypatch, capsys, name, begun):
    cache = tmp_path / "cache"
    monkeypatch.setenv("SENTIMENT_RNN_CACHE", str(cache))
    cache.mkdir()
    (cache / "mine").write_text("mine")
    if begun:
        (cache / "corpus.tar.gz.part").write_bytes(CONTENT[:500])
    serve(CASES[name])
    result = fetched(capsys)
    check(result, BAD_RESOURCE)
    assert result["err"]
    assert result["out"] == ""
    # Nothing lies there under the name of the whole file, and nothing else.
    names = {path.name for path in tmp_path.rglob("*")}
    assert names <= {"cache", "mine", "corpus.tar.gz.part", "corpus.tar.gz.lock"}
    assert (cache / "mine").read_text() == "mine"
    part = cache / "corpus.tar.gz.part"
    assert not part.exists() or part.stat().st_size <= len(CONTENT)


@pytest.mark.parametrize("begun", [CONTENT[:500], b"of another file" * 99, CONTENT + b"x"])
def test_afterwards_a_good_server_is_believed(serve, tmp_path, monkeypatch, capsys, begun):
    monkeypatch.setenv("SENTIMENT_RNN_CACHE", str(tmp_path))
    (tmp_path / "corpus.tar.gz.part").write_bytes(begun)

    def honest(handler):
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        place = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        answer(handler, CONTENT[start:], 206 if start else 200, Content_Range=place)

    serve(honest)
    if begun.startswith(b"of"):
        # Its hash says so once the rest has come; the next try begins anew.
        check(fetched(capsys), BAD_RESOURCE)
    check(fetched(capsys), 0)
    assert (tmp_path / "corpus.tar.gz").read_bytes() == CONTENT
