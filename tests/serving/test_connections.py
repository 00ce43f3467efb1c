"""Connections that do nothing, or little: to a server in a process of its own."""

import asyncio
import itertools
import resource
import select
import signal
import socket
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest
import uvicorn

from sentiment_rnn.serving.connections import limited, most_connections
from tests.serving.process import Server

SECONDS = 2
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SLOW = HEAD + b"X: " + b"x" * 1000
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b'{"text": "A joy."}'
# Descriptors, and half of them for connections.
FEW, MOST = 200, 100


@pytest.fixture(scope="module")
def server():
    found = Server("--model", "textbook", "--timeout", str(SECONDS))
    yield found
    assert found.stop(signal.SIGTERM) == (-signal.SIGTERM, "")


@pytest.fixture(scope="module")
def small_server():
    """A server whose connections don't end by themselves, and can't be many."""
    found = Server("--model", "textbook", "--timeout", "600", descriptors=FEW)
    yield found
    # Nothing is written, least of all for each connection.
    assert found.stop(signal.SIGTERM) == (-signal.SIGTERM, "")


def connected(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def seconds_until_the_end(connection, send=b""):
    """How long a connection lasts over which a byte is sent every 0.1 seconds, while any are."""
    started = time.monotonic()
    for number in range(600):
        if select.select([connection], [], [], 0.1)[0]:
            assert connection.recv(1000) == b""
            break
        connection.sendall(send[number : number + 1])
    return time.monotonic() - started


def is_open(connection):
    return not select.select([connection], [], [], 0)[0]


# A machine that has much else to do may be late.
@pytest.mark.parametrize("send", [b"", HEAD[:10], SLOW])
def test_a_request_whose_headers_do_not_come(server, send):
    with connected(server) as connection:
        assert SECONDS - 0.5 < seconds_until_the_end(connection, send) < SECONDS + 10


def test_a_second_request_whose_headers_do_not_come(server):
    with connected(server) as connection:
        time.sleep(SECONDS / 2)
        connection.sendall(HEALTH)
        found = b""
        while not found.endswith(b'{"status":"ok"}'):
            found += connection.recv(1000)
        # uvicorn has a time of its own for the first byte only.
        assert SECONDS - 0.5 < seconds_until_the_end(connection, SLOW) < SECONDS + 10


def test_a_request_that_comes_slowly_but_in_time_is_answered(server):
    with connected(server) as connection:
        for part in (HEAD, f"Content-Length: {len(BODY)}\r\n\r\n".encode(), BODY):
            time.sleep(0.4 * SECONDS)
            connection.sendall(part)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


def taken(requests, pauses):
    """How much comes of answers of a megabyte that are taken in parts.

    Args:
        requests: how many are asked for at once.
        pauses: seconds before each part; the server ends it where nothing is taken for 0.5.
    """

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a" * 1_000_000})

    async def main():
        listening = socket.create_server(("127.0.0.1", 0))
        client = socket.socket()
        # Otherwise the system takes so much in that it hardly matters what the client does.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000)
        client.connect(listening.getsockname())
        server = uvicorn.Server(
            uvicorn.Config(app, http=limited(0.5, 9), lifespan="off", log_level="warning")
        )
        running = asyncio.create_task(server.serve(sockets=[listening]))
        reader, writer = await asyncio.open_connection(sock=client, limit=20_000)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * requests)
        found = 0
        with suppress(ConnectionError):
            part = b"a"
            while part and found < requests * 1_000_000:
                await asyncio.sleep(next(pauses, 0))
                part = await reader.read(100_000)
                found += part.count(b"a")
        writer.close()
        server.should_exit = True
        await running
        return found

    return asyncio.run(main())


@pytest.mark.parametrize("requests", [1, 3])
def test_answers_that_are_not_taken(requests):
    assert taken(requests, iter([2])) < 500_000


def test_answers_that_are_taken_slowly():
    started = time.monotonic()
    assert taken(1, itertools.repeat(0.05)) >= 1_000_000
    assert time.monotonic() - started > 1


@contextmanager
def too_many(server, sent=b""):
    """More connections than the server has room for, over each of which the same was sent."""
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(server)) for _ in range(3 * MOST)]
        for connection in connections:
            # What is closed already can't be sent to.
            with suppress(ConnectionError):
                connection.sendall(sent)
        # So that the server has read it.
        time.sleep(0.5)
        yield connections


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + b"Content-Length: 99\r\n\r\n", HEALTH])
def test_more_connections_than_there_may_be(small_server, sent):
    with too_many(small_server, sent) as connections:
        started = time.monotonic()
        assert small_server.ask("GET", "/health") == (200, b'{"status":"ok"}')
        assert time.monotonic() - started < 30
        assert sum(map(is_open, connections)) <= MOST


def test_the_last_that_came_stay(small_server):
    with too_many(small_server) as connections:
        assert small_server.ask("GET", "/health")[0] == 200
        # One made room for the question.
        expected = [False] * (2 * MOST + 1) + [True] * (MOST - 1)
        assert list(map(is_open, connections)) == expected


def test_connections_that_were_closed_take_no_place(small_server):
    with connected(small_server) as waiting:
        for _ in range(2 * MOST):
            assert small_server.ask("GET", "/health")[0] == 200
        assert is_open(waiting)


def test_who_waits_for_an_answer_keeps_its_place(small_server):
    with connected(small_server) as asking:
        body = b'{"method": "occlusion", "text": "' + b"a good film " * 4000 + b'"}'
        asking.sendall(HEAD.replace(b"predict", b"explain"))
        asking.sendall(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        while b"sentiment_waiting_texts 1.0" not in small_server.ask("GET", "/metrics")[1]:
            time.sleep(0.005)
        with too_many(small_server) as connections:
            assert small_server.ask("GET", "/health")[0] == 200
            assert not is_open(connections[0])
            assert asking.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [(200, (100, 24)), (1024, (512, 127)), (1_000_000, (4096, 1023)), (-1, (4096, 1023))],
)
def test_how_many_there_may_be(monkeypatch, allowed, expected):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (allowed, allowed))
    monkeypatch.setattr(resource, "RLIM_INFINITY", -1)
    assert most_connections() == expected
