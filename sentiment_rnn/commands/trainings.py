"""What the commands that train have in common: one at a time in a folder, and its checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentiment_rnn._files import locked
from sentiment_rnn._signals import terminable
from sentiment_rnn.errors import UsageError


@contextmanager
def training_in(out: Path, *, resume: bool, overwrite: bool) -> Iterator[Path]:
    """Keeps other trainers away from a model folder, and yields where its checkpoint is.

    Inside the ``with``, SIGTERM interrupts as Ctrl-C does.

    Args:
        out: the model folder.
        resume: whether training goes on with what is there.
        overwrite: whether it begins anew, whatever is there.

    Raises:
        UsageError: if another training is writing to the folder, or one from before might go on.
    """
    from sentiment_rnn.training.checkpoints import has_checkpoint

    with terminable(), locked(out):
        checkpoint = out.with_name(f"{out.name}.checkpoint")
        if has_checkpoint(checkpoint) and not resume and not overwrite:
            raise UsageError(
                f"{checkpoint} is there, of a training that may go on.\nGo on with it by "
                "--resume, or begin anew with --overwrite."
            )
        try:
            yield checkpoint
        except KeyboardInterrupt:
            if has_checkpoint(checkpoint):
                # A progress bar may stand on the line.
                print(f"\n{checkpoint} is saved: go on with --resume", file=sys.stderr)
            raise
