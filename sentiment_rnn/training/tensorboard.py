"""A log of training that TensorBoard shows.

It is written as ``keras.callbacks.TensorBoard`` writes it, so that runs of both stand side by side,
and without TensorFlow. It needs the package tensorboard: ``pip install
"sentiment_rnn[tensorboard]"``.

Source: TensorFlow, ``event.proto`` and ``record_writer.h``.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from sentiment_rnn._files import disk_errors
from sentiment_rnn.training.fit import AfterEpoch

_PARTS = ("train", "validation")


@contextmanager
def tensorboard_log(folder: Path) -> Iterator[AfterEpoch]:
    """Yields what is to be called after each epoch, so that TensorBoard can show its scores.

    TensorBoard draws what was measured in training and in validation as two lines of one chart. The
    files are made with the first scores: a training that is refused leaves none.

    Args:
        folder: the log of this run; made if it is missing. ``tensorboard --logdir`` takes it, or
            the folder above it to compare several.

    Raises:
        ResourceError: if the log can't be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with tensorboard_log(Path(folder)) as after_epoch:
        ...         after_epoch(1, {"loss": 0.7, "val_loss": 0.6})
        ...     sorted(path.name for path in Path(folder).iterdir())
        ['train', 'validation']
    """
    name = f"events.out.tfevents.{time.time():.0f}.{platform.node()}.{os.getpid()}"
    with ExitStack() as files:
        writers: dict[str, BinaryIO] = {}
        # What is in the way is said before an epoch is trained.
        for part in _PARTS:
            with disk_errors(f"write {folder}"):
                (folder / part).mkdir(parents=True, exist_ok=True)

        def open_files() -> None:
            for part in _PARTS:
                with disk_errors(f"write {folder}"):
                    writers[part] = files.enter_context((folder / part / name).open("ab"))
                _write(writers[part], Event(wall_time=time.time(), file_version="brain.Event:2"))

        def after_epoch(epoch: int, scores: Mapping[str, float]) -> None:
            if not writers:
                open_files()
            for score, value in scores.items():
                part = "validation" if score.startswith("val_") else "train"
                chart = f"epoch_{score.removeprefix('val_')}"
                summary = Summary(value=[Summary.Value(tag=chart, simple_value=value)])
                _write(writers[part], Event(wall_time=time.time(), step=epoch, summary=summary))

        yield after_epoch


def _write(file: BinaryIO, event: Event) -> None:
    with disk_errors(f"write {file.name}"):
        RecordWriter(file).write(event.SerializeToString())
        # It is looked at while training goes on.
        file.flush()
