"""Whatever bit of a model folder is lost, no other numbers are loaded: it is said."""

import dataclasses
import random
import shutil

import numpy as np
import pytest

from sentiment_rnn.errors import ModelError
from tests.faults import models
from tests.faults.hostile_models import Folder
from tests.faults.running import check, run_cases
from tests.faults.saving import ROOMS
from tests.faults.test_hostile_models import BAD_MODEL, COMMANDS

FLIPS = 200
# They are for people to look at.
NOT_READ = ("README.md", "history.png")


@pytest.fixture(scope="module", params=list(ROOMS))
def whole(request, tmp_path_factory):
    kind = request.param
    folder = tmp_path_factory.mktemp("whole") / "model"
    model = models.sentiment_model() if kind == "sentiment" else models.character_model()
    history = {"loss": [0.7, 0.5], "val_loss": [0.8, 0.6]}
    ROOMS[kind][1](dataclasses.replace(model, history=history), folder)
    return kind, folder


def same(first, second):
    """Whether two models hold the same numbers and words."""
    if not all(map(np.array_equal, first.weights, second.weights)):
        return False
    if hasattr(first, "word_vectors"):
        if first.word_vectors.words != second.word_vectors.words:
            return False
        if not np.array_equal(first.word_vectors.vectors, second.word_vectors.vectors):
            return False
    names = {part.name for part in dataclasses.fields(first)} - {"weights", "word_vectors"}
    return all(getattr(first, name) == getattr(second, name) for name in names)


def test_a_bit_that_flips(whole, tmp_path):
    kind, folder = whole
    load, _ = ROOMS[kind]
    original = load(folder)
    files = sorted(folder.iterdir())
    chance = random.Random(0)
    refused = 0
    for _ in range(FLIPS):
        # Each file as often, and not only the large ones.
        file = chance.choice(files)
        damaged = shutil.copytree(folder, tmp_path / "model")
        data = bytearray(file.read_bytes())
        position = chance.randrange(len(data))
        data[position] ^= 1 << chance.randrange(8)
        (damaged / file.name).write_bytes(data)
        try:
            found = load(damaged)
        except ModelError:
            refused += 1
        else:
            assert same(found, original), f"{file.name}, byte {position}"
            assert file.name in (*NOT_READ, "checksums.json"), f"{file.name}, byte {position}"
        shutil.rmtree(damaged)
    read = len(files) - len(NOT_READ)
    assert refused > FLIPS * (read - 1) / len(files) / 2


@pytest.mark.parametrize("sealed", [False, True])
def test_a_file_that_ends_early(whole, tmp_path, sealed):
    """Also where the checksums say that it should."""
    kind, folder = whole
    load, _ = ROOMS[kind]
    for file in sorted(folder.iterdir()):
        for share in (0, 0.01, 0.5, 0.99):
            place = tmp_path / f"{file.name}-{share}"
            damaged = Folder(shutil.copytree(folder, place / "model"), place / "outside")
            # The last byte is a line break, of which a file of JSON has no need.
            damaged.write(
                file.name, file.read_bytes()[: max(0, int(share * file.stat().st_size) - 1)]
            )
            damaged.seals = sealed and file.name != "checksums.json"
            damaged.seal()
            try:
                load(damaged.path)
            except ModelError:
                continue
            # A table that ends at the end of a row is a shorter table.
            assert file.name in (*NOT_READ, *(["history.csv"] if sealed else [])), place


def test_the_command_line_says_so(whole, tmp_path):
    kind, folder = whole
    for name in ("config.json", "model.weights.h5"):
        damaged = shutil.copytree(folder, tmp_path / f"without the end of {name}" / "model")
        (damaged / name).write_bytes((folder / name).read_bytes()[:-1])
        case = {"arguments": COMMANDS[kind](damaged), "allowed": [str(damaged)]}
        [result] = run_cases([case], tmp_path)
        check(result, BAD_MODEL)
        assert f"{name} is not as it was saved: its checksum differs" in result["err"]
