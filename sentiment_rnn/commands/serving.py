"""The command that puts models behind an address."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from pathlib import Path

from sentiment_rnn._pages import whole
from sentiment_rnn.errors import UsageError
from sentiment_rnn.serving.config import ServingConfig

SERVING_OPTIONS = {option.name: option for option in dataclasses.fields(ServingConfig)}


def serve(options: Namespace) -> None:
    """Serves models until it is interrupted."""
    try:
        from sentiment_rnn.serving.server import serve
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Serving needs {error.name}, which is not installed: "
            'pip install "sentiment_rnn[serve]"'
        ) from error
    from sentiment_rnn.sentiment import DEFAULT_MODEL, SentimentClassifier

    given = {name: getattr(options, name) for name in SERVING_OPTIONS}
    try:
        config = ServingConfig(**{k: v for k, v in given.items() if v is not None})
    except ValueError as error:
        raise UsageError(str(error)) from error
    models = {}
    for folder in options.model or [Path(DEFAULT_MODEL)]:
        name = whole(folder.resolve().name)
        if name in models:
            raise UsageError(f"Two models are called {name}: rename the folder of one of them.")
        models[name] = SentimentClassifier.load(folder)
    serve(models, host=options.host, port=options.port, config=config)
