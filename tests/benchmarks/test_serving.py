import asyncio
import json
import os

import numpy as np

from benchmarks.serving import Load, ask, table

TEXTS = ["a", "bb", "ccc"]
EXPECTED = np.array([0.1, 0.2, 0.3])


def asked(answer, clients=2, seconds=0.3):
    """What clients see of a server that answers each text so."""

    async def main():
        begun, ended = [], []

        async def serve(reader, writer):
            begun.append(writer)
            while head := await reader.readline():
                length = 0
                while (line := await reader.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length"):
                        length = int(line.split(b":")[1])
                assert head.startswith(b"POST /predict HTTP/1.1")
                text = json.loads(await reader.readexactly(length))["text"]
                status, body = answer(text)
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
                writer.write(body)
                await asyncio.sleep(0.001)
            writer.close()
            await writer.wait_closed()
            ended.append(writer)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            load = await ask(port, TEXTS, EXPECTED, clients, seconds, os.getpid())
            # A client that begins anew has one more.
            while len(ended) < max(clients, len(begun)):
                await asyncio.sleep(0.01)
            return load

    return asyncio.run(main())


def said(text, more=0.0):
    probability = EXPECTED[TEXTS.index(text)] + more
    return 200, json.dumps({"predictions": [{"probability": probability}]}).encode()


def test_right_answers():
    load = asked(said)
    assert load.wrong == 0
    assert load.statuses == {200: len(load.latencies)}
    assert len(load.latencies) > 20
    assert 0.3 <= load.seconds < 5
    assert len(load.memory) >= 5
    assert min(load.memory) > 10


def test_wrong_answers_and_errors_are_counted():
    load = asked(lambda text: said(text, 0.01) if text == "bb" else (503, b""))
    assert load.wrong == load.statuses[200] > 0
    assert load.statuses[503] > 0


def test_the_table():
    memory = [50.0, 100.0, *[101.0] * 8, 104.0]
    load = Load(2.0, [0.01] * 98 + [0.2] * 2, {200: 98, 503: 2}, 1, memory)
    here = {
        "processor": "P",
        "cores": 2,
        "memory_gb": 1.0,
        "system": "S",
        "python": "3",
        "versions": {},
        "threads": {},
        "load": 0.0,
        "ceiling_gflops": 1.0,
        "ceiling_by": "NumPy",
    }
    lines = table({"mine": load}, here, clients=7).splitlines()
    assert lines[-1] == "| mine | 100 | 50.0 | 10.0 | 10.0 | 200 | 2 | 1 | 104 | +4.0% |"
