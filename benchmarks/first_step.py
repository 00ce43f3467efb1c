"""How long it takes to learn from the first batch: ``python -m benchmarks.first_step DATA CACHE``.

The process does what ``sentiment-rnn train --engine numpy`` does, and ends after that step.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from sentiment_rnn.cli import main
from sentiment_rnn.training.numpy_engine import Trainer


def first_step(data: str, cache: str) -> None:
    os.environ["SENTIMENT_RNN_CACHE"] = cache
    train_batch = Trainer.train_batch

    def train_and_end(trainer: Trainer, *batch: Any) -> None:
        train_batch(trainer, *batch)
        trainer.gradients.close()
        sys.stderr.flush()
        # Nothing that was begun is to be finished.
        os._exit(0)

    Trainer.train_batch = train_and_end  # type: ignore[assignment, method-assign]
    # Nothing is written there.
    out = os.path.join(cache, "model")
    sys.exit(main(["train", "--data", data, "--engine", "numpy", "--out", out]))


if __name__ == "__main__":
    first_step(*sys.argv[1:])
