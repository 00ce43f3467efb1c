"""Several processes find what one finds."""

import dataclasses
import gc
import os
import signal
import subprocess
import sys
import time
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn._threads import one_thread
from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.architectures.characters import CharacterArchitectureConfig, character_network
from sentiment_rnn.numpy_rnn import OPTIMIZERS, initial_weights, loss_and_gradient
from sentiment_rnn.numpy_rnn.embedding import EmbeddedNetwork
from sentiment_rnn.training import gradients as module
from sentiment_rnn.training.character_engine import CharacterTask, fit_characters
from sentiment_rnn.training.config import CharacterTrainingConfig
from sentiment_rnn.training.gradients import (
    NEXT_WORDS,
    BatchGradients,
    Objective,
    count_processes,
    parts_of_like_cost,
)
from sentiment_rnn.training.numpy_engine import fit_with_numpy
from tests.training.tasks import STATEFUL, make_task

BATCH, TIME, IDS, FEATURES = 10, 12, 20, 6
SENTIMENT: dict[str, dict] = {
    "textbook": {"units": 5, "dropout": 0.3},
    "lstm": {"units": 4, "cell": "lstm", "head": "last", "masking": True, "layers": 2},
    "bidirectional": {"units": 4, "cell": "gru", "bidirectional": True, "head": "max"},
    "windows": {"units": 5, "cell": "lstm", **STATEFUL},
}
CHARACTERS = {
    "two layers": ("lstm", 2, 0.4),
    "hidden": ("hidden-feedback", 1, 0),
    "output": ("output-feedback", 1, 0),
}


def sentiment(name, *, trains_vectors=False, adversarial=0.0):
    settings = {**SENTIMENT[name]}
    maxlen = settings.pop("maxlen", TIME)
    config = ArchitectureConfig(**{"dropout": 0.0, **settings})
    network = sentiment_network(config, maxlen=maxlen, vector_size=FEATURES, batch_size=BATCH)
    return Objective(network, "binary_crossentropy", trains_vectors, adversarial=adversarial)


def characters(name):
    architecture, layers, dropout = CHARACTERS[name]
    config = CharacterArchitectureConfig(architecture, layers, 5, dropout)
    network = character_network(config, symbols=IDS, batch_size=BATCH)
    return Objective(network, "sparse_categorical_crossentropy")


def next_words():
    config = ArchitectureConfig(
        units=4, cell="gru", bidirectional=True, head="mean_max", masking=True, dropout=0.3
    )
    network = sentiment_network(config, maxlen=TIME, vector_size=FEATURES)
    read = dataclasses.replace(network, layers=network.layers[:3])
    assert [layer.class_name for layer in read.layers] == ["Masking", "Bidirectional", "Dropout"]
    return Objective(read, NEXT_WORDS, trains_vectors=True, candidates=9)


OBJECTIVES = {
    **{name: sentiment(name) for name in SENTIMENT},
    "trained vectors": sentiment("textbook", trains_vectors=True),
    "adversarial": sentiment("bidirectional", trains_vectors=True, adversarial=0.5),
    **{name: characters(name) for name in CHARACTERS},
    "next words": next_words(),
}


def make(objective, processes, *, wait=True):
    """What computes; by default its processes have started, so that they take part."""
    random = np.random.default_rng(0)
    weights = initial_weights(objective.network, random, np.float32)
    head = objective.head(IDS)
    if head is not None:
        weights += head.initial_weights(random)
    features = objective.network.batch_shape[2]
    vectors = random.standard_normal((IDS, features)).astype(np.float32)
    vectors[0] = 0
    computes = BatchGradients(objective, weights, vectors, processes=processes)
    if wait:
        wait_for(computes)
    return computes


def wait_for(computes):
    for worker in computes._workers.values():
        while not worker.has_answered():
            time.sleep(0.01)


def batches(objective, count):
    random = np.random.default_rng(1)
    steps = objective.network.batch_shape[1] or TIME
    for _ in range(count):
        ids = random.integers(0, IDS, (BATCH, steps)).astype(np.int32)
        ids[0, steps // 2 :] = 0
        if objective.loss == "binary_crossentropy":
            yield ids, random.integers(0, 2, (BATCH, 1)).astype(np.float32)
        else:
            yield ids, random.integers(0, IDS, (BATCH, steps))


def train(computes, objective, count=6, *, each=lambda step: None):
    """Losses, weights right, and in the end weights and states."""
    optimizer = OPTIMIZERS["adam"](learning_rate=0.01)
    state = optimizer.start(computes.weights)
    found = []
    for step, (ids, targets) in enumerate(batches(objective, count)):
        each(step)
        counts = np.full(BATCH, 0.01) if objective.loss == NEXT_WORDS else None
        done = computes.compute(ids, targets, chance=[3, step], sample_weight=counts)
        optimizer.update(computes.weights, done.gradients, state)
        found.append([done.loss, done.right])
    states = [array for arrays in computes.states.values() for array in arrays]
    return [np.array(found), *[array.copy() for array in [*computes.weights, *states]]]


def check(found, objective):
    for ours, alone in zip(found, train(make(objective, 1), objective), strict=True):
        np.testing.assert_allclose(ours, alone, atol=1e-5)


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_the_same_as_in_one_process(processes_started, objective, processes):
    computes = make(objective, processes)
    assert len(processes_started) == processes - 1
    first = [array.copy() for array in computes.weights]
    found = train(computes, objective)
    check(found, objective)
    assert all(worker.poll() is None for worker in processes_started)
    for before, after in zip(first, computes.weights, strict=True):
        assert np.abs(after - before).max() > 0
    computes.close()
    assert all(worker.poll() is not None for worker in processes_started)
    # It goes on alone.
    assert np.isfinite(train(computes, objective, 1)[0]).all()


def test_others_do_compute(processes_started, monkeypatch):
    computes = make(OBJECTIVES["textbook"], 2)
    rows = []
    compute = module._Part.compute

    def noted(self, part):
        rows.append(len(part.ids))
        return compute(self, part)

    monkeypatch.setattr(module._Part, "compute", noted)
    train(computes, OBJECTIVES["textbook"], 3)
    assert rows == [5, 5, 5]
    computes.close()


def test_texts_that_were_moved_to_mislead_are_learned_from_too():
    plain, adversarial = sentiment("lstm"), sentiment("lstm", adversarial=0.5)
    ids, targets = next(batches(plain, 1))
    computes = make(adversarial, 1)
    done = computes.compute(ids, targets, chance=[1])
    embedded = EmbeddedNetwork(plain.network, computes.weights, computes._memory.vectors)

    def learn(moved):
        output = embedded.forward(ids, training=True, perturbation=moved)
        found = loss_and_gradient(plain.loss, targets, output, activation="sigmoid")
        return found.loss, embedded.backward(found.gradient, of_sum=found.of_sum)

    loss, first = learn(None)
    (direction,) = first.projected
    per_word = np.sqrt((direction**2).sum((1, 2)) / (ids > 0).sum(1))
    worse, second = learn([0.5 * direction / per_word[:, None, None]])
    assert worse > loss * 1.02
    assert done.loss == pytest.approx(loss, rel=1e-6)
    for ours, one, other in zip(done.gradients, first.weights, second.weights, strict=True):
        np.testing.assert_allclose(ours, one + other, atol=1e-6)
        assert np.abs(one - other).max() > 1e-4


@given(st.lists(st.integers(0, 90), min_size=1, max_size=9), st.integers(1, 4))
def test_no_other_parts_are_done_sooner(lengths, count):
    def cost(edges):
        parts = [lengths[start:stop] for start, stop in pairwise(edges)]
        return max(max(part) * (len(part) + module._STEP_ROWS) for part in parts)

    count = min(count, len(lengths))
    edges = parts_of_like_cost(np.array(lengths), count)
    assert edges[0] == 0
    assert edges[-1] == len(lengths)
    assert len(edges) == count + 1
    assert all(start < stop for start, stop in pairwise(edges))
    for cuts in combinations(range(1, len(lengths)), count - 1):
        assert cost(edges) <= cost([0, *cuts, len(lengths)])


def test_parts_of_a_large_batch():
    lengths = np.sort(np.random.default_rng(0).integers(1, 800, 20_000))
    first, cut, last = parts_of_like_cost(lengths, 2)
    assert (first, last) == (0, 20_000)
    costs = [lengths[cut - 1] * cut, lengths[-1] * (last - cut)]
    assert max(costs) < 1.05 * min(costs)


@pytest.mark.parametrize("name", ["next words", "adversarial"])
def test_short_texts_wait_for_no_long_ones(processes_started, monkeypatch, name):
    objective = OBJECTIVES[name] if name == "next words" else sentiment("lstm", adversarial=0.5)
    ids, targets = next(batches(objective, 1))
    lengths = [1, 2, 2, 3, 3, 3, 4, 4, 11, 12]
    ids = np.where(np.arange(TIME) < np.array(lengths)[:, None], np.maximum(ids, 1), 0)
    counts = np.full(BATCH, 0.01) if name == "next words" else None
    read, compute = [], module._Part.compute

    def noted(self, part):
        read.append(part.ids.shape)
        return compute(self, part)

    monkeypatch.setattr(module._Part, "compute", noted)
    found = []
    for processes in (1, 2):
        computes = make(objective, processes)
        done = computes.compute(ids, targets, chance=[1], sample_weight=counts)
        found.append([done.loss, done.right, *map(np.copy, done.gradients)])
        computes.close()
    # By itself, and its part of two.
    assert read == [(10, 12), (8, 4)]
    for one, several in zip(*found, strict=True):
        np.testing.assert_allclose(one, several, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_a_batch_with_fewer_rows_and_their_weights(rows):
    objective = OBJECTIVES["textbook"]
    ids, labels = next(batches(objective, 1))
    weight = np.linspace(0.5, 2, BATCH).astype(np.float32)
    before = ids.copy(), labels.copy(), weight.copy()
    found = []
    for processes in (1, 4):
        computes = make(objective, processes)
        done = computes.compute(ids[:rows], labels[:rows], chance=[1], sample_weight=weight[:rows])
        found.append([done.loss, done.right, *map(np.copy, done.gradients)])
        computes.close()
    for one, several in zip(*found, strict=True):
        np.testing.assert_allclose(one, several, atol=1e-6)
    for array, old in zip((ids, labels, weight), before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize("name", ["windows", "two layers"])
def test_states_begin_anew(name):
    objective = OBJECTIVES[name]
    ids, targets = next(batches(objective, 1))
    computes = make(objective, 2)
    first, second = (computes.compute(ids, targets, chance=[1]).loss for _ in range(2))
    assert first != pytest.approx(second, rel=1e-4)
    computes.reset_states()
    assert computes.compute(ids, targets, chance=[1]).loss == pytest.approx(first, rel=1e-6)
    computes.close()


@pytest.mark.parametrize("name", ["textbook", "windows", "two layers"])
@pytest.mark.parametrize("victims", [1, 2])
@pytest.mark.parametrize("wait", [True, False])
def test_killed_processes_are_done_without(processes_started, name, victims, wait):
    computes = make(OBJECTIVES[name], 3, wait=wait)

    def kill(step):
        if step == 2:
            for worker in processes_started[:victims]:
                worker.kill()
                worker.wait()

    found = train(computes, OBJECTIVES[name], each=kill)
    check(found, OBJECTIVES[name])
    computes.close()
    # It makes no difference to any bit who has computed what.
    undisturbed = make(OBJECTIVES[name], 3)
    with one_thread():
        expected = train(undisturbed, OBJECTIVES[name])
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    undisturbed.close()


def test_nobody_waits_for_those_that_have_not_started(processes_started):
    objective = OBJECTIVES["windows"]
    computes = make(objective, 3, wait=False)
    for worker in processes_started:
        worker.send_signal(signal.SIGSTOP)
    found = train(computes, objective)
    assert not computes._ready
    for worker in processes_started:
        worker.send_signal(signal.SIGCONT)
    wait_for(computes)
    later = train(computes, objective, 2)
    assert computes._ready == {0, 1}
    computes.close()
    other = make(objective, 3)
    for ours, theirs in zip(found, train(other, objective), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(later, train(other, objective, 2), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    other.close()


def test_an_interruption_is_not_theirs(processes_started):
    """Ctrl-C reaches all processes of a terminal."""
    computes = make(OBJECTIVES["windows"], 2)

    def interrupt(step):
        if step:
            processes_started[0].send_signal(signal.SIGINT)

    check(train(computes, OBJECTIVES["windows"], each=interrupt), OBJECTIVES["windows"])
    assert processes_started[0].poll() is None
    computes.close()


@pytest.mark.parametrize("executable", ["/no/such/python", "", "false", "cat", "echo"])
def test_where_python_cannot_be_started_this_process_does_it(monkeypatch, executable):
    monkeypatch.setattr(sys, "executable", executable)
    computes = make(OBJECTIVES["windows"], 2)
    check(train(computes, OBJECTIVES["windows"]), OBJECTIVES["windows"])
    computes.close()


@pytest.mark.parametrize("there", [True, False])
def test_where_memory_cannot_be_shared_this_process_does_it(monkeypatch, processes_started, there):
    def fails(*_):
        raise OSError("no room")

    if there:
        monkeypatch.setattr(os, "memfd_create", fails, raising=False)
    else:
        monkeypatch.delattr(os, "memfd_create", raising=False)
        monkeypatch.setattr(os, "name", "nt")
    computes = make(OBJECTIVES["textbook"], 2)
    check(train(computes, OBJECTIVES["textbook"]), OBJECTIVES["textbook"])
    assert not processes_started


def test_memory_where_it_has_no_name_of_its_own(monkeypatch, processes_started):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    computes = make(OBJECTIVES["textbook"], 2)
    check(train(computes, OBJECTIVES["textbook"]), OBJECTIVES["textbook"])
    assert len(processes_started) == 1
    computes.close()


def test_forgotten_processes_end(processes_started):
    computes = make(OBJECTIVES["textbook"], 2)
    train(computes, OBJECTIVES["textbook"], 1)
    del computes
    gc.collect()
    assert processes_started[0].poll() is not None


def test_processes_end_with_the_one_that_started_them():
    code = (
        "import os, signal, numpy as np\n"
        "from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network\n"
        "from sentiment_rnn.training.gradients import BatchGradients, Objective\n"
        "network = sentiment_network(ArchitectureConfig(units=2), maxlen=3, vector_size=2)\n"
        "weights = [np.ones(weight.shape) for weight in network.weights()]\n"
        "objective = Objective(network, 'binary_crossentropy')\n"
        "computes = BatchGradients(objective, weights, np.ones((5, 2), np.float32), processes=2)\n"
        "computes.compute(np.ones((2, 3), np.int32), np.ones((2, 1)), chance=[1])\n"
        "print(computes._workers[0]._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    process = Path(f"/proc/{int(done.stdout)}/stat")
    for _ in range(200):
        # Where nothing waits for it, its name stays, with a Z for its state.
        if not process.exists() or process.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail(f"{process} goes on alone")


def test_how_many_processes_are_worth_it(monkeypatch):
    monkeypatch.setattr(module, "count_processors", lambda: 6)
    textbook = sentiment_network(ArchitectureConfig(), maxlen=400, vector_size=300)
    assert count_processes(textbook, rows=32, time=400, batches=625) == 4
    assert count_processes(textbook, rows=64, time=400, batches=625) == 6
    assert count_processes(textbook, rows=15, time=400, batches=625) == 1
    assert count_processes(textbook, rows=32, time=400, batches=5) == 1
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert count_processes(textbook, rows=32, time=400, batches=625) == 1


@pytest.mark.parametrize("architecture", [{"dropout": 0.2}, {**STATEFUL, "cell": "gru"}])
def test_training_of_sentiment_is_the_same(monkeypatch, processes_started, architecture):
    task = make_task(70, architecture=architecture)
    alone = fit_with_numpy(task)
    monkeypatch.setattr("sentiment_rnn.training.numpy_engine.count_processes", lambda *_, **__: 2)
    together = fit_with_numpy(task)
    assert [worker.poll() is None for worker in processes_started] == [False]
    for ours, theirs in zip(together.weights, alone.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    for name, values in together.history.items():
        np.testing.assert_allclose(values, alone.history[name], atol=1e-5, err_msg=name)


def test_training_of_characters_is_the_same_and_goes_on(monkeypatch, processes_started, tmp_path):
    ids = np.tile(np.array([0, 1, 2, 0, 3, 4], np.int32), 150)
    config = CharacterTrainingConfig(batch_size=4, window=10, epochs=3, learning_rate=0.01)
    architecture = CharacterArchitectureConfig("lstm", 2, 8, 0.3)
    network = character_network(architecture, symbols=6, batch_size=4)
    task = CharacterTask(network, ids[:800], ids[800:], config, seed=3)
    alone = fit_characters(task)
    monkeypatch.setattr(
        "sentiment_rnn.training.character_learners.count_processes", lambda *_, **__: 2
    )
    together = fit_characters(task)
    for ours, theirs in zip(together.weights, alone.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    # Interrupted in the middle of the second epoch, and gone on with: the very same bits.
    checkpoint = tmp_path / "checkpoint.npz"

    class InterruptionError(Exception):
        pass

    shown = []

    def interrupt(run):
        shown.append(run.step)
        if len(shown) == 2:
            raise InterruptionError
        return ""

    with pytest.raises(InterruptionError):
        fit_characters(task, checkpoint=checkpoint, checkpoint_every=7, show=interrupt)
    continued = fit_characters(task, checkpoint=checkpoint)
    for ours, theirs in zip(continued.weights, together.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    gc.collect()
    assert all(worker.poll() is not None for worker in processes_started)


def test_an_interrupted_training_leaves_no_process(monkeypatch, processes_started):
    task = make_task(70)
    monkeypatch.setattr("sentiment_rnn.training.numpy_engine.count_processes", lambda *_, **__: 2)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(task), "validate", interrupt)
    # The traceback, which is held here, holds the trainer.
    with pytest.raises(KeyboardInterrupt) as held:
        fit_with_numpy(task)
    assert held.tb is not None
    assert [worker.poll() is None for worker in processes_started] == [False]
