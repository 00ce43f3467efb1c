"""Many clients ask a server at the same time: ``python -m benchmarks.serving``.

Each client posts one review after the other to ``/predict``, on a connection that it keeps, and
compares each answer with what the library says. The other side is the same model as one would put
it behind an address without this package: FastAPI, nltk's tokenizer and ``keras.Model.predict``.
The clients run in a process of their own, on the same processors as the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.rendering import describe, number
from benchmarks.settings import default_data
from sentiment_rnn import SentimentClassifier
from sentiment_rnn.datasets import load_data

RESULTS = Path(__file__).parent / "results"
MODEL = "textbook"
REVIEWS = 2000
# Answers have six digits.
TOLERANCE = 1e-5


@dataclass
class Load:
    """What the clients saw.

    Args:
        seconds: how long they asked.
        latencies: seconds of each answer.
        statuses: how many answers had each status; 0 where there was none.
        wrong: answers that aren't the library's.
        memory: of the server in MB, at each tenth of the time.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    wrong: int = 0
    memory: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--data", default=default_data(), help="reviews, as of sentiment-rnn train")
    parser.add_argument("--seconds", type=float, default=300, help="how long they ask (300)")
    parser.add_argument("--other-seconds", type=float, default=60, help="and the other side (60)")
    parser.add_argument("--clients", type=int, default=100, help="how many there are (100)")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="for the table")
    options = parser.parse_args()
    here = machine.describe()
    train, test = load_data(options.data)
    texts = list((test or train).limit(REVIEWS, seed=0).texts)
    classifier = SentimentClassifier.load(MODEL)
    expected = classifier.predict_proba(texts)[:, 1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / MODEL
        classifier.save(folder)
        own = [sys.executable, "-m", "sentiment_rnn", "serve", "--port", "0", "--model", MODEL]
        other = [sys.executable, "-m", "benchmarks.keras_server", str(folder)]
        sides = {}
        for side, command, seconds in (
            ("this package", own, options.seconds),
            ("Keras behind FastAPI and nltk", other, options.other_seconds),
        ):
            print(f"{side}: {options.clients} clients, {seconds:g} s", file=sys.stderr)
            with _server(command) as (port, process):
                sides[side] = asyncio.run(
                    ask(port, texts, expected, options.clients, seconds, process)
                )
    text = table(sides, here, options.clients)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "serving.md").write_text(text, encoding="utf-8")
    print(text)


def table(sides: dict[str, Load], here: dict[str, Any], clients: int) -> str:
    """The figures of all sides, as Markdown."""
    head = ["", "answers", "answers/s", "p50, ms", "p95, ms", "p99, ms", "not 200", "wrong"]
    head += ["memory, MB", "its growth"]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for name, load in sides.items():
        half, most, nearly_all = np.percentile(np.array(load.latencies) * 1000, [50, 95, 99])
        failed = sum(count for status, count in load.statuses.items() if status != 200)
        # From when it had warmed up.
        _, first, *_, last = load.memory
        row = [name, f"{len(load.latencies):,}", number(len(load.latencies) / load.seconds)]
        row += [*map(number, (half, most, nearly_all)), str(failed), str(load.wrong)]
        row += [number(last), f"{last / first - 1:+.1%}"]
        lines.append(" | ".join(row))
    return (
        f"# Benchmark: serving\n\n{describe(here)}\n\n"
        f"{clients} clients, each with one review after the other for `{MODEL}`, on the same "
        f"machine; for {', '.join(f'{load.seconds:.0f}' for load in sides.values())} s. Growth of "
        "memory is that from a tenth of the time to the end.\n\n"
        + "\n".join(f"| {line} |" for line in lines)
        + "\n"
    )


@contextmanager
def _server(command: list[str]) -> Iterator[tuple[int, int]]:
    """Port and number of a server process, which ends afterwards."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if found := re.search(r"serving at http://[^:]+:(\d+)", line):
                    yield int(found[1]), process.pid
                    break
        finally:
            process.terminate()
            process.stderr.read()


async def ask(
    port: int, texts: list[str], expected: np.ndarray, clients: int, seconds: float, process: int
) -> Load:
    """Lets clients ask a server for some time."""
    load = Load()
    started = time.monotonic()

    async def client(first: int) -> None:
        place = first
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < started + seconds:
            place = (place + clients) % len(texts)
            asked = time.perf_counter()
            body = json.dumps({"text": texts[place]}).encode()
            head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            writer.write(head.encode() + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            status, answer = await _answer(reader)
            load.latencies.append(time.perf_counter() - asked)
            load.statuses[status] = load.statuses.get(status, 0) + 1
            if status == 200:
                found = json.loads(answer)["predictions"][0]["probability"]
                load.wrong += abs(found - expected[place]) > TOLERANCE
            else:
                # It may have closed the connection.
                await _close(writer)
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _close(writer)

    async def watch() -> None:
        for _ in range(11):
            load.memory.append(_resident_mb(process))
            await asyncio.sleep(seconds / 10)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(client(number) for number in range(clients)))
    load.seconds = time.monotonic() - started
    watching.cancel()
    load.memory.append(_resident_mb(process))
    return load


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of an answer; 0 if the server hung up."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        return int(head.split()[1]), await reader.readexactly(int(length[1]) if length else 0)
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, b""


def _resident_mb(process: int) -> float:
    fields = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", fields)
    return int(found[1]) / 1000 if found else float("nan")


if __name__ == "__main__":
    main()
