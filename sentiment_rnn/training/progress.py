"""What a user sees of training."""

from __future__ import annotations

import sys
from collections.abc import Mapping


class Progress:
    """A progress bar for each epoch on standard error, which keeps standard output for results.

    Args:
        epochs: how many there will be at most.
        batches: in an epoch.
        done: epochs that have ended already.
    """

    def __init__(self, epochs: int, batches: int, done: int = 0) -> None:
        self._epochs = epochs
        self._batches = batches
        self._epoch = done

    def begin_epoch(self) -> None:
        """Opens the epoch's bar."""
        from tqdm import tqdm

        self._epoch += 1
        self._bar = tqdm(
            total=self._batches,
            desc=f"epoch {self._epoch}/{self._epochs}",
            unit="batch",
            file=sys.stderr,
            mininterval=1.0,
        )

    def end_batch(self, batches: int = 1) -> None:
        """Moves the bar on."""
        self._bar.update(batches)

    def write(self, text: str) -> None:
        """Writes a text above the epoch's bar, or behind it if it is closed."""
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)

    def end_epoch(self, scores: Mapping[str, float]) -> None:
        """Writes the epoch's figures behind the bar."""
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in scores.items()})
        self._bar.close()
