import asyncio
import json

import pytest

from sentiment_rnn.serving.limits import Counted, LimitedBody


async def echo(scope, receive, send):
    """An application that gives back what it gets."""
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


def answered(app, messages, headers=(), kind="http", path="/", pause=0):
    """What an application sends for messages, of which there are no more then."""
    sent = []
    coming = iter(messages)

    async def receive():
        await asyncio.sleep(pause)
        return next(coming)

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "headers": list(headers), "path": path}
    asyncio.run(app(scope, receive, send))
    return sent


def parts(*bodies):
    return [
        {"type": "http.request", "body": body, "more_body": number < len(bodies)}
        for number, body in enumerate(bodies, 1)
    ]


def test_a_body_in_parts_comes_in_one():
    app = LimitedBody(echo, most_bytes=6, seconds=5)
    assert answered(app, parts(b"ab", b"", b"cdef"))[1]["body"] == b"abcdef"


def test_a_body_that_is_too_large_or_says_so():
    app = LimitedBody(echo, most_bytes=6, seconds=5)
    for messages, headers in (
        (parts(b"abcd", b"efg"), []),
        ([], [(b"content-length", b"7")]),
    ):
        start, body = answered(app, messages, headers)
        assert start["status"] == 413
        assert (b"connection", b"close") in start["headers"]
        assert json.loads(body["body"]) == {"detail": "Expected at most 6 bytes in a request."}


def test_a_body_that_does_not_come():
    app = LimitedBody(echo, most_bytes=6, seconds=0.05)
    start, body = answered(app, parts(b"a", b"b"), pause=0.04)
    assert start["status"] == 408
    assert json.loads(body["body"]) == {"detail": "The request took more than 0.05 seconds."}


def test_who_goes_is_not_answered():
    app = LimitedBody(echo, most_bytes=6, seconds=5)
    assert answered(app, [*parts(b"a", b"")[:1], {"type": "http.disconnect"}]) == []


def test_other_things_than_requests_pass():
    seen = []

    async def note(scope, receive, send):
        seen.append(scope["type"])

    counted = Counted(note, count=lambda *_: seen.append("counted"))
    answered(LimitedBody(counted, most_bytes=1, seconds=1), [], kind="lifespan")
    assert seen == ["lifespan"]


def test_answers_are_counted_also_those_that_never_came():
    counts = []

    def count(path, status, seconds):
        counts.append((path, status))
        assert 0 <= seconds < 5

    async def broken(scope, receive, send):
        raise RuntimeError("broken")

    answered(Counted(echo, count=count), parts(b""), path="/a")
    with pytest.raises(RuntimeError, match="broken"):
        answered(Counted(broken, count=count), [], path="/b")
    assert counts == [("/a", 200), ("/b", 500)]
