"""Saves a model again and again, each time with another call that fails or kills.

``python -m tests.faults.saving KIND MANNER STEP ROOT [no-exchange]``, started with `io_faults`,
where ROOT holds the folders ``old`` and ``new`` of two models. For each fault it prints a JSON
line: the number of the call, how the process that saved ended, what can be loaded then, and what
lies there.
"""

import json
import os
import shutil
import sys
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn.errors import ModelError, ResourceError
from sentiment_rnn.persistence import load_model, save_model
from sentiment_rnn.persistence.character_folder import load_character_model, save_character_model
from tests.faults.io_faults import ERRORS, IOFaults

SAVED, BROKEN, REFUSED, NOT_REACHED = 0, 1, 5, 99
ROOMS: dict[str, tuple[Any, Any]] = {
    "sentiment": (load_model, save_model),
    "characters": (load_character_model, save_character_model),
}


def main(kind: str, manner: int, step: int, root: Path, *more: str) -> None:
    load, save = ROOMS[kind]
    models = {name: load(root / name) for name in ("old", "new")}
    faults = IOFaults()
    if more:
        faults.without_exchange()
    target = root / "watched" / "model"

    def found() -> str:
        try:
            weights = load(target).weights
        except ModelError as error:
            return "nothing" if "There is none at" in str(error) else str(error)
        for name, model in models.items():
            if all(map(np.array_equal, weights, model.weights)):
                return name
        return "a mixture"

    def child(call: int) -> None:
        faults.arm(call, ERRORS[call % len(ERRORS)], manner)
        code = SAVED
        try:
            save(models["new"], target)
        except ResourceError as error:
            code = BROKEN if len(str(error).splitlines()) > 3 else REFUSED
        finally:
            # A fault that was never reached: all have been seen.
            reached = faults.count() >= call
            faults.disarm()
        os._exit(code if reached else NOT_REACHED)

    for start in ("nothing", "old"):
        shutil.rmtree(target.parent, ignore_errors=True)
        for call in count(1, step):
            if start == "old" and found() != "old":
                shutil.rmtree(target, ignore_errors=True)
                save(models["old"], target)
            elif start == "nothing":
                shutil.rmtree(target, ignore_errors=True)
            process = os.fork()
            if not process:
                try:
                    child(call)
                finally:
                    os._exit(BROKEN)
            _, status = os.waitpid(process, 0)
            ended = os.waitstatus_to_exitcode(status)
            # Loading comes before looking: it may put back what had stepped aside.
            result = {"start": start, "call": call, "ended": ended, "found": found()}
            names = (
                [path.name for path in target.parent.iterdir()] if target.parent.exists() else []
            )
            print(json.dumps({**result, "names": names}), flush=True)
            if ended == NOT_REACHED:
                break


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), *sys.argv[5:])
