"""Runs an application at an address until it is told to stop."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping

import uvicorn

from sentiment_rnn._threads import one_thread
from sentiment_rnn.errors import ResourceError, UsageError
from sentiment_rnn.sentiment import SentimentClassifier
from sentiment_rnn.serving.app import make_app
from sentiment_rnn.serving.config import ServingConfig
from sentiment_rnn.serving.connections import limited, most_connections

# Seconds that requests have to be answered in when the server stops.
_LAST = 10
_HIGHEST_PORT = 65535
# Connections that the system keeps until they are accepted; others are tried again a second later.
_BACKLOG = 1024


def serve(
    models: Mapping[str, SentimentClassifier],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    config: ServingConfig | None = None,
) -> None:
    """Serves models until the process is interrupted or terminated.

    Requests that are being answered then are answered, and no others are taken.

    Args:
        models: trained classifiers by name; the first is asked where none is named.
        host: name or address to listen at. Others than this machine's own are open to all who can
            reach it: there are no passwords.
        port: number of the port; 0 for one that is free. Where it listens is said on standard
            error.
        config: limits.

    Raises:
        UsageError: for a port or a host's name that there can't be.
        ResourceError: if it can't listen there.
    """
    if not 0 <= port <= _HIGHEST_PORT:
        raise UsageError(f"Expected a port from 0 to {_HIGHEST_PORT}. Received: {port}")
    config = config or ServingConfig()
    app = make_app(models, config)
    most, accepted = most_connections()
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except UnicodeError as error:
        # Python can't write it as the name service would have it.
        raise UsageError(f"Expected the name of a host, or an address. Received: {host}") from error
    except OSError as error:
        raise ResourceError(f"Could not listen at {host}, port {port}: {error}") from error
    with listening:
        shown = f"[{host}]" if ":" in host else host
        print(
            f"serving at http://{shown}:{listening.getsockname()[1]}", file=sys.stderr, flush=True
        )
        settings = uvicorn.Config(
            app,
            http=limited(config.timeout, most),
            # A request to speak WebSocket would have a connection of another kind.
            ws="none",
            # To asyncio it is also how many are accepted at a time.
            backlog=accepted,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=_LAST,
        )
        # Texts come in small batches, whose products are too small for several threads.
        with one_thread():
            _Server(settings).run(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn's, where more connections may wait to be accepted than are accepted at a time."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or []:
            listening.listen(_BACKLOG)
