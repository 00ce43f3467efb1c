"""Feeds a target with what atheris makes of its seeds, until something breaks or time is up.

``python -m tests.faults.fuzz NAME FOLDER [libFuzzer's options]``, where FOLDER gets the inputs that
found new ways through the code, those of earlier searches among them; ``-max_total_time=300`` ends
it after five minutes. Afterwards ``python -m tests.faults.fuzz keep FOLDER…``, each named as its
target, keeps what was found beside this file. Needs atheris (``pip install atheris``).
"""

import sys
from pathlib import Path

from tests.faults.fuzz.corpus import keep, kept


def search(name: str, folder: Path, *options: str) -> None:
    import atheris

    instrumented = ["sentiment_rnn", "tarfile", "zipfile", "csv", "json"]
    with atheris.instrument_imports(include=instrumented):
        from tests.faults.fuzz.targets import TARGETS
    function, seeds = TARGETS[name]
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    for digest, data in kept().get(name, {}).items():
        (folder / digest).write_bytes(data)
    atheris.Setup([name, str(folder), *options], function)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "keep":
        keep({Path(folder).name: Path(folder) for folder in sys.argv[2:]})
    else:
        search(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
