"""The connections of a server: how long each may do nothing, and how many there may be."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

# No more memory than some hundred MB, however many descriptors there are.
_MOST_DESCRIPTORS = 8192


def most_connections() -> tuple[int, int]:
    """How many connections may be open, and how many may be accepted at a time.

    Of the descriptors that the process may have, half are for connections. The event loop accepts
    an eighth of them before it says so, and has let go of those that are too many only when it has
    accepted two eighths more. The last eighth is for all else.
    """
    descriptors = _MOST_DESCRIPTORS
    # Windows has no such limit.
    if sys.platform != "win32":
        import resource

        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if allowed != resource.RLIM_INFINITY:
            descriptors = min(descriptors, allowed)
    return max(descriptors // 2, 1), max(descriptors // 8 - 1, 1)


class Connection(H11Protocol):
    """A connection that ends where nothing comes in time, or where others need its place.

    uvicorn itself waits for the first byte of a request for as long as it takes, and then for the
    last of its headers.

    Args:
        seconds: for the headers of a request to come in, from the connection's beginning or the
            last answer on; and for a part of an answer to be taken.
        most: connections that may be open. One too many takes the place of the one that has waited
            longest, of those whose request has not come in.
        waiting: those that are open, in the order in which their waits began; the same for all.
        **options: uvicorn's.
    """

    def __init__(
        self, *, seconds: float, most: int, waiting: dict[Connection, None], **options: Any
    ) -> None:
        super().__init__(**options)
        self._seconds, self._most, self._waiting = seconds, most, waiting
        self._timer: asyncio.TimerHandle | None = None
        # Bytes of answers that were not taken yet when the timer was set.
        self._untaken = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for a request; as asyncio has it."""
        super().connection_made(transport)
        self._wait()
        if len(self._waiting) > self._most:
            # There always is one: this one.
            next(one for one in self._waiting if not one._is_asked())._end()

    def on_response_complete(self) -> None:
        """Begins to wait for the next request; as uvicorn has it."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits no more; as asyncio has it."""
        super().connection_lost(exc)
        self._forget()

    def _is_asked(self) -> bool:
        """Whether a request has come in and not been answered."""
        return self.cycle is not None and not (self.cycle.more_body or self.cycle.response_complete)

    def _wait(self) -> None:
        self._forget()
        self._waiting[self] = None
        self._untaken = self.transport.get_write_buffer_size()
        self._timer = self.loop.call_later(self._seconds, self._look)

    def _look(self) -> None:
        untaken = self.transport.get_write_buffer_size()
        # What is to be read and answered has limits of its own.
        is_at_work = self.cycle is not None and not self.cycle.response_complete
        if untaken < self._untaken or (is_at_work and not untaken):
            self._wait()
        else:
            self._end()

    def _end(self) -> None:
        self._forget()
        # `close` would wait until all is taken.
        self.transport.abort()

    def _forget(self) -> None:
        self._waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()


def limited(seconds: float, most: int) -> type[Connection]:
    """The kind of connection for a server: `Connection` with these limits, as uvicorn takes it."""
    waiting: dict[Connection, None] = {}

    class Limited(Connection):
        def __init__(self, **options: Any) -> None:
            super().__init__(seconds=seconds, most=most, waiting=waiting, **options)

    return Limited
