"""Large collections → scores, in parts, on all processors or on many machines.

A table is read once to its end, which finds what is wrong with it before anything is computed, and
says where its parts begin. Then any process can score any part: it reads the rows, tokenizes them,
predicts, and writes a file, whole or not at all. So nothing is lost with a process but the part
that it was at, and a run that was killed goes on with the files that are missing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import sys
import time
import warnings
from collections import Counter, deque
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sentiment_rnn._cache import hash_of_file
from sentiment_rnn._checks import check_choice, check_whole
from sentiment_rnn._files import atomic_file, disk_errors, locked, remove_unfinished
from sentiment_rnn._processes import (
    Worker,
    answer,
    can_start_workers,
    requests,
    wait_for_answers,
)
from sentiment_rnn._shipped import found_model
from sentiment_rnn._threads import count_processors, one_processor
from sentiment_rnn.datasets.tables import TablePart, find_tables, read_part, split_table
from sentiment_rnn.errors import DataError, ModelError, ResourceError, SentimentRNNError, UsageError
from sentiment_rnn.persistence.folders import read_object
from sentiment_rnn.sentiment import DEFAULT_MODEL, SentimentClassifier

ENGINES = ("local", "ray")
# Some seconds of work of one processor: what is lost with a process is little, and a hundred
# million rows are ten thousand files.
ROWS_PER_PART = 10_000
# Times that a part may fail: once may be the machine's fault.
_ATTEMPTS = 2

_MANIFEST, _CHECKSUMS = "manifest.json", "checksums.txt"
# What a run has in common with the one that it goes on with, by the names of the manifest.
_SETTINGS = {
    "version": "release of sentiment_rnn",
    "model": "model",
    "text_column": "text column",
    "rows_per_part": "number of rows a part",
    "input": "input",
}
_DIED = "the process that scored it was killed, or had too little memory"


@dataclass(frozen=True)
class ScoringSummary:
    """What a run has done.

    Args:
        rows: in the output, as in the input.
        parts: files that they are in.
        scored: rows that were scored now, and not by an earlier run.
        seconds: that it took, reading the input included.
    """

    rows: int
    parts: int
    scored: int
    seconds: float

    @property
    def rows_per_second(self) -> float:
        """Rows that were scored now, by the time that it took."""
        return self.scored / self.seconds


@dataclass(frozen=True)
class _Job:
    """What is the same for all parts: folder and SHA-256 of the model, column and output folder."""

    model: str
    model_digest: str
    text_column: str
    output: str


@dataclass(frozen=True)
class _Part:
    """A part of the input: its number from 0, its rows, and the number of the first, from 1."""

    number: int
    first_row: int
    table: TablePart

    @property
    def name(self) -> str:
        """Of the file with its scores."""
        return f"part-{self.number:06d}.jsonl"

    def __str__(self) -> str:
        last = self.table.row + self.table.rows - 1
        return f"{self.name} ({self.table.path}, rows {self.table.row} to {last})"

    def packed(self) -> dict[str, Any]:
        """As other processes get it."""
        return {"number": self.number, "first_row": self.first_row, **self.table._asdict()}

    @classmethod
    def unpacked(cls, packed: dict[str, Any]) -> _Part:
        table = TablePart(**{name: packed[name] for name in TablePart._fields})
        return cls(packed["number"], packed["first_row"], table)


def score(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    model: str | Path | None = None,
    engine: str = "local",
    workers: int | None = None,
    text_column: str = "text",
    rows_per_part: int = ROWS_PER_PART,
    verbose: bool = False,
) -> ScoringSummary:
    r"""Scores every text of a table, or of a folder of tables.

    The output folder gets files ``part-000000.jsonl`` and so on with a JSON object a row of the
    input, in its order: ``row``, its number from 1 over all tables, and ``label``, ``probability``
    and ``truncated`` as `Prediction.as_dict` has them. If it has some of these files already, from
    a run that was interrupted, those are kept that are as they were written.

    Args:
        source: a table as of `load_table`, without labels, or a folder of tables, which are read
            in the order of their names.
        output: the folder to write, or to go on with.
        model: as of `SentimentClassifier.load`.
        engine: "local" for processes of this machine, or "ray" for those of a Ray cluster, whose
            machines must all see the input, the output and the model under the same paths.
        workers: processes; None for one a processor, of the cluster with "ray".
        text_column: name of the column with the text.
        rows_per_part: rows that a file gets; fewer where texts are very long.
        verbose: whether to show progress on standard error.

    Raises:
        UsageError: for settings that make no sense, or an output folder that is something else,
            was begun with another input, model or setting, or is being written by another run.
        ModelError: if the model can't be read.
        DataError: naming the row, if the input is not what its format promises. Nothing is written
            then.
        ResourceError: if a file can't be read or written, or a part can't be scored.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder, "reviews.csv")
        ...     _ = table.write_text("text\nA moving film.\nA dull bore.\n")
        ...     summary = score(table, Path(folder, "scores"), workers=1)
        ...     lines = Path(folder, "scores", "part-000000.jsonl").read_text().splitlines()
        >>> summary.rows, summary.parts
        (2, 1)
        >>> [(json.loads(line)["row"], json.loads(line)["label"]) for line in lines]
        [(1, 'positive'), (2, 'negative')]
    """
    started = time.perf_counter()
    try:
        check_choice("engine", engine, ENGINES)
        check_whole("rows_per_part", rows_per_part, 1)
        if workers is not None:
            check_whole("workers", workers, 1)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if engine == "ray":
        _import_ray()
    source, output = Path(source).resolve(), Path(output).resolve()
    if output == source or source in output.parents:
        raise UsageError(f"{output} is in the input. Name a folder outside of it.")
    folder = found_model(model, DEFAULT_MODEL).resolve()
    # Said before hours of work, not by the first process that fails.
    SentimentClassifier.load(folder)
    job = _Job(str(folder), _digest_of_model(folder), text_column, str(output))
    with locked(output):
        rows, parts, missing = _score(job, source, engine, workers, rows_per_part, verbose)
    scored = sum(part.table.rows for part in missing)
    return ScoringSummary(rows, parts, scored, time.perf_counter() - started)


def _score(
    job: _Job,
    source: Path,
    engine: str,
    workers: int | None,
    rows_per_part: int,
    verbose: bool,
) -> tuple[int, int, list[_Part]]:
    """The number of rows and of parts, and the parts that weren't there."""
    output, text_column = Path(job.output), job.text_column
    settings = {
        "version": version("sentiment_rnn"),
        "model": job.model_digest,
        "text_column": text_column,
        "rows_per_part": rows_per_part,
    }
    begun = _begun_with(output)
    if begun is not None:
        _check_same(output, begun, settings)
    parts = _split(source, text_column, rows_per_part, verbose)
    settings["input"] = hashlib.sha256("".join(p.table.digest for p in parts).encode()).hexdigest()
    rows = sum(part.table.rows for part in parts)
    if begun is None:
        with atomic_file(output / _MANIFEST) as temporary:
            manifest = json.dumps({**settings, "rows": rows, "parts": len(parts)}, indent=1)
            temporary.write_text(manifest + "\n", encoding="utf-8")
    else:
        _check_same(output, begun, settings)
    return rows, len(parts), _score_missing(job, parts, engine, workers, verbose)


# The input, and what is there of the output


def _split(source: Path, text_column: str, rows_per_part: int, verbose: bool) -> list[_Part]:
    parts: list[_Part] = []
    first_row = 1
    with _bar("reading", None, 0, verbose) as bar:
        for table in find_tables(source):
            for part in split_table(table, text_column=text_column, rows=rows_per_part):
                parts.append(_Part(len(parts), first_row, part))
                first_row += part.rows
                bar.update(part.rows)
    if not parts:
        raise DataError(f"{source} has no rows. Expected a text a row.")
    return parts


def _digest_of_model(folder: Path) -> str:
    # It has the checksums of the other files, with which loading compares them.
    with disk_errors(f"read {folder}"):
        return hash_of_file(folder / "checksums.json")


def _begun_with(output: Path) -> dict[str, Any] | None:
    """The manifest of the run to go on with; None where there is nothing yet."""
    if (output / _MANIFEST).exists():
        try:
            return read_object(output / _MANIFEST)
        except ModelError as error:
            raise UsageError(f"{error}\nName another folder, or remove this one.") from error
    with disk_errors(f"read {output}"):
        # A run that was killed very early leaves hidden files.
        if output.exists() and any(path.name[0] != "." for path in output.iterdir()):
            raise UsageError(
                f"{output} is there already and holds something else than scores. Name another "
                "folder."
            )
    return None


def _check_same(output: Path, begun: dict[str, Any], settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        if begun.get(name) != value:
            raise UsageError(
                f"{output} was begun with another {_SETTINGS[name]}. Expected: "
                f"{begun.get(name)!s:.16} Received: {value!s:.16}\n"
                "Name another folder, or remove this one."
            )


def _whole_parts(output: Path, parts: Sequence[_Part]) -> dict[str, str]:
    """By the names of the parts that are as they were written, their SHA-256."""
    noted = {}
    if (output / _CHECKSUMS).is_file():
        text = (output / _CHECKSUMS).read_text(encoding="utf-8", errors="replace")
        noted = {line[66:]: line[:64] for line in text.splitlines()}
    return {
        part.name: noted[part.name]
        for part in parts
        if part.name in noted
        and (output / part.name).is_file()
        and hash_of_file(output / part.name) == noted[part.name]
    }


# Scoring


def _score_missing(
    job: _Job, parts: Sequence[_Part], engine: str, workers: int | None, verbose: bool
) -> list[_Part]:
    """Scores the parts that are not there, and gives them."""
    output = Path(job.output)
    run = {"local": _score_in_processes, "ray": _score_with_ray}[engine]
    with disk_errors(f"write {output}"), ExitStack() as stack:
        remove_unfinished(output)
        stack.callback(remove_unfinished, output)
        done = _whole_parts(output, parts)
        with atomic_file(output / _CHECKSUMS) as temporary:
            lines = (_checksum_line(name, digest) for name, digest in done.items())
            temporary.write_text("".join(lines), encoding="utf-8")
        missing = [part for part in parts if part.name not in done]
        if not missing:
            return []
        checksums = stack.enter_context((output / _CHECKSUMS).open("a", encoding="utf-8"))
        total = sum(part.table.rows for part in parts)
        left = sum(part.table.rows for part in missing)
        bar = stack.enter_context(_bar("scoring", total, total - left, verbose))
        # Its processes have ended when what they left is removed.
        outcomes = stack.enter_context(closing(run(job, missing, workers)))
        for part, digest, error in outcomes:
            if error:
                raise ResourceError(f"{part} failed {_ATTEMPTS} times. The last time: {error}")
            checksums.write(_checksum_line(part.name, digest))
            checksums.flush()
            bar.update(part.table.rows)
    return missing


def _checksum_line(name: str, digest: str) -> str:
    # As `sha256sum --check` reads it.
    return f"{digest}  {name}\n"


# A part, the SHA-256 of the file that was made of it, and an error if none was made.
_Outcome = tuple[_Part, str, str]


class _Scorer:
    """Scores parts one after the other, in any process and with any engine.

    Args:
        job: what is the same for all.
    """

    def __init__(self, job: _Job) -> None:
        self._job = job
        self._classifier: SentimentClassifier | None = None

    def __call__(self, packed: dict[str, Any]) -> dict[str, Any]:
        """Scores a part; gives the SHA-256 of the file that it wrote, or what went wrong."""
        part = _Part.unpacked(packed)
        error = ""
        for _ in range(_ATTEMPTS):
            try:
                with one_processor():
                    return {"number": part.number, "digest": self._score(part), "error": ""}
            except SentimentRNNError as failure:
                error = str(failure)
        return {"number": part.number, "digest": "", "error": error}

    def _score(self, part: _Part) -> str:
        job = self._job
        if self._classifier is None:
            # Another machine has another disk, and even on this one a model may be replaced.
            if _digest_of_model(Path(job.model)) != job.model_digest:
                raise ModelError(f"{job.model} is another model than before.")
            self._classifier = SentimentClassifier.load(job.model)
        predictions = self._classifier.predictions(read_part(part.table, job.text_column))
        lines = []
        for row, prediction in enumerate(predictions, part.first_row):
            said = prediction.as_dict()
            del said["text"]
            lines.append(json.dumps({"row": row, **said}, ensure_ascii=False) + "\n")
        data = "".join(lines).encode()
        with atomic_file(Path(job.output) / part.name) as temporary:
            temporary.write_bytes(data)
        return hashlib.sha256(data).hexdigest()


def _score_in_processes(
    job: _Job, parts: Sequence[_Part], workers: int | None
) -> Generator[_Outcome]:
    """Yields the parts as they are done, by processes of this machine."""
    if not can_start_workers():
        scorer = _Scorer(job)
        for part in parts:
            done = scorer(part.packed())
            yield part, done["digest"], done["error"]
        return
    waiting = deque(parts)
    deaths: Counter[_Part] = Counter()
    at_work: dict[Worker, _Part] = {}
    with ExitStack() as stack:

        def start() -> Worker:
            with disk_errors("start another process"):
                worker = Worker("sentiment_rnn.scoring")
            stack.callback(worker.stop)
            worker.send(dataclasses.asdict(job))
            return worker

        free = [start() for _ in range(min(workers or count_processors(), len(parts)))]
        while waiting or at_work:
            while waiting and free:
                worker, part = free.pop(), waiting.popleft()
                worker.send(part.packed())
                at_work[worker] = part
            for worker in wait_for_answers(list(at_work)):
                part, answered = at_work.pop(worker), worker.receive()
                if isinstance(answered, dict):
                    free.append(worker)
                    yield part, answered["digest"], answered["error"]
                    continue
                # It may have been killed, for its memory or by hand.
                deaths[part] += 1
                if deaths[part] == _ATTEMPTS:
                    yield part, "", _DIED
                else:
                    waiting.appendleft(part)
                    free.append(start())


def serve() -> None:
    """What a worker does: it scores the parts that come until there are no more."""
    coming = requests()
    scorer = _Scorer(_Job(**next(coming)))
    for packed in coming:
        answer(scorer(packed))


def _score_with_ray(job: _Job, parts: Sequence[_Part], workers: int | None) -> Generator[_Outcome]:
    """Yields the parts as they are done, by the machines of a cluster."""
    ray = _import_ray()
    with ExitStack() as stack:
        # Otherwise it is the caller's, who may want to see what it does.
        if not ray.is_initialized():
            ray.init(log_to_driver=False, logging_level="warning")
            stack.callback(ray.shutdown)
            ray.data.DataContext.get_current().enable_progress_bars = False
            logging.getLogger("ray.data").setLevel(logging.ERROR)
        size = min(workers or int(ray.cluster_resources()["CPU"]), len(parts))
        packed = ray.data.from_items([p.packed() for p in parts], override_num_blocks=len(parts))
        with warnings.catch_warnings():
            # There is no other way yet to say how often a part may be tried.
            warnings.simplefilter("ignore", DeprecationWarning)
            done = packed.map(
                _Scorer,
                fn_constructor_args=(job,),
                compute=ray.data.ActorPoolStrategy(size=size),
                num_cpus=1,
                max_task_retries=_ATTEMPTS - 1,
            )
        by_number = {part.number: part for part in parts}
        try:
            for row in done.iter_rows():
                yield by_number[row["number"]], row["digest"], row["error"]
        # Which part it was, it doesn't say.
        except ray.exceptions.RayError as error:
            reason = str(error).partition("\n")[0]
            raise ResourceError(f"A part failed {_ATTEMPTS} times. Ray says: {reason}") from error


def _import_ray() -> Any:
    # Ray reports to its makers who uses it unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The engine ray needs {error.name}, which is not installed: "
            'pip install "sentiment_rnn[ray]"'
        ) from error
    return ray


def _bar(what: str, total: int | None, initial: int, verbose: bool) -> Any:
    from tqdm import tqdm

    return tqdm(
        desc=what,
        total=total,
        initial=initial,
        unit="row",
        unit_scale=True,
        file=sys.stderr,
        mininterval=1.0,
        disable=not verbose,
    )
