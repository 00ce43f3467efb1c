"""What is seen to before a request is answered: its size, its pace, and that it is counted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class LimitedBody:
    """An ASGI application whose requests come in whole, and bounded, before it sees them.

    Args:
        app: the application.
        most_bytes: what a body may have; more is answered with 413.
        seconds: how long it may take to come; longer is answered with 408.
    """

    def __init__(self, app: App, *, most_bytes: int, seconds: float) -> None:
        self._app, self._most_bytes, self._seconds = app, most_bytes, seconds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers a request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(scope, receive)
        except TimeoutError:
            await refuse(send, 408, f"The request took more than {self._seconds:g} seconds.")
            return
        except ValueError:
            await refuse(send, 413, f"Expected at most {self._most_bytes:,} bytes in a request.")
            return
        if body is None:
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)

    async def _read(self, scope: Message, receive: Receive) -> bytes | None:
        """The body; None if who sent it has gone.

        Raises:
            ValueError: if it is too large.
        """
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._most_bytes:
                raise ValueError("content-length")
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._most_bytes:
                raise ValueError("body")
            if not message.get("more_body"):
                return bytes(body)


class Counted:
    """An ASGI application whose answers are counted.

    Args:
        app: the application.
        count: is told the path, the status and the seconds of each answer.
    """

    def __init__(self, app: App, *, count: Callable[[str, int, float], object]) -> None:
        self._app, self._count = app, count

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers a request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._count(scope["path"], status, time.perf_counter() - started)


async def refuse(send: Send, status: int, detail: str) -> None:
    """Answers with a status and a sentence, as JSON, and ends the connection."""
    body = json.dumps({"detail": detail}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        # What may still come of the request is not read.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
