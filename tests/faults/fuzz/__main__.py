"""Feeds a target with what atheris makes of its seeds, until something breaks or time is up.

``python -m tests.faults.fuzz NAME FOLDER [libFuzzer's options]``, where FOLDER keeps the inputs
that found new ways through the code; ``-max_total_time=300`` ends it after five minutes. Needs
atheris (``pip install atheris``).
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sentiment_rnn", "tarfile", "zipfile", "csv", "json"]):
    from tests.faults.fuzz.targets import TARGETS


def main(name: str, folder: Path, *options: str) -> None:
    function, seeds = TARGETS[name]
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    atheris.Setup([name, str(folder), *options], function)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
