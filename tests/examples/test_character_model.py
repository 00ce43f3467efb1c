import re
import subprocess
import sys
from itertools import islice

import numpy as np
import pytest

from examples.character_model import (
    backpropagate,
    main,
    one_hot,
    read_text,
    sample,
    smoothed,
    train_characters,
    untrained,
    windows,
)
from sentiment_rnn.errors import DataError
from sentiment_rnn.numpy_rnn import SGD, Adagrad, Network, categorical_crossentropy
from tests.conftest import ROOT
from tests.numpy_rnn.checks import assert_gradient, by_differences

COMMAND = [sys.executable, str(ROOT / "examples" / "character_model.py")]
TEXT = "she sells sea shells by the sea shore. "


def model_of(text=TEXT, *, hidden=8, dtype=np.float32, seed=0, **options):
    """A model whose weights are large enough to do something."""
    model = untrained(text, np.random.default_rng(seed), hidden=hidden, **options)
    random = np.random.default_rng(seed)
    weights = [random.normal(0, 0.7, w.shape).astype(dtype) for w in model.network.weights]
    return type(model)(model.characters, Network(model.network.spec, weights))


@pytest.fixture(scope="module")
def trained():
    model = untrained(TEXT, np.random.default_rng(0), hidden=48)
    optimizer = Adagrad(0.1, initial_accumulator_value=0.0, epsilon=1e-8)
    # Three windows, and the character that comes next.
    losses = list(islice(train_characters(model, TEXT + TEXT[0], optimizer, length=13), 1200))
    return model, losses


def test_learns_a_text_by_heart(trained):
    model, losses = trained
    assert losses[0] == pytest.approx(13 * np.log(len(model.characters)), rel=0.1)
    assert max(losses[-20:]) < 1
    written = sample(model, "s", np.random.default_rng(0), length=len(TEXT) - 1, temperature=0)
    assert "s" + written == TEXT


def test_windows_begin_again_where_no_whole_one_is_left():
    ids = np.arange(8)
    found = [
        (inputs.tolist(), targets.tolist(), begins)
        for inputs, targets, begins in islice(windows(ids, 3), 3)
    ]
    first, second = ([0, 1, 2], [1, 2, 3], True), ([3, 4, 5], [4, 5, 6], False)
    assert found == [first, second, first]
    # The last character is nothing but the one that comes next.
    assert [inputs.tolist() for inputs, _, _ in islice(windows(np.arange(7), 3), 3)] == [
        [0, 1, 2],
        [3, 4, 5],
        [0, 1, 2],
    ]


def test_the_gradient_is_that_of_the_sum_of_losses():
    model = model_of("abcab", hidden=4, dtype=np.float64, carry_state=False)
    ids = model.encode("abcab")
    inputs, targets = (one_hot(part, 3).astype(np.float64) for part in (ids[:-1], ids[1:]))
    loss, gradients = backpropagate(model.network, inputs, targets)

    def sum_now():
        return 4 * categorical_crossentropy(targets, model.network.forward(inputs))

    assert loss == sum_now()
    for place, (weight, gradient) in enumerate(zip(model.network.weights, gradients, strict=True)):
        assert_gradient(gradient, by_differences(sum_now, weight), f"weight {place}")


def test_the_gradient_is_that_of_torch():
    torch = pytest.importorskip("torch", reason="torch is not installed", exc_type=ImportError)
    model = model_of(dtype=np.float64, carry_state=False)
    ids, count = model.encode(TEXT[:26]), len(model.characters)
    loss, gradients = backpropagate(
        model.network, *(one_hot(part, count) for part in (ids[:-1], ids[1:]))
    )
    w_xh, w_hh, b_h, w_hy, b_y = weights = [
        torch.tensor(weight, requires_grad=True) for weight in model.network.weights
    ]
    h, outputs = torch.zeros(8, dtype=torch.float64), []
    for place in ids[:-1]:
        h = torch.tanh(w_xh[place] + h @ w_hh + b_h)
        outputs.append(h @ w_hy + b_y)
    theirs = torch.nn.functional.cross_entropy(
        torch.stack(outputs), torch.tensor(ids[1:]), reduction="sum"
    )
    theirs.backward()
    assert loss == pytest.approx(theirs.item(), rel=1e-10)
    for weight, gradient in zip(weights, gradients, strict=True):
        np.testing.assert_allclose(gradient, weight.grad.numpy(), atol=1e-11)


def test_the_state_is_carried_from_window_to_window():
    """Without learning, the losses of the windows are those of the text in one piece."""
    length, count = 10, 3
    model = model_of(carry_state=True)
    ids = model.encode(TEXT[: length * count + 1])
    inputs, targets = (one_hot(part, len(model.characters)) for part in (ids[:-1], ids[1:]))
    output = model.network.forward(inputs)
    pieces = [slice(start, start + length) for start in range(0, length * count, length)]
    whole = [
        length * categorical_crossentropy(targets[:, piece], output[:, piece]) for piece in pieces
    ]
    carried = train_characters(model, TEXT, SGD(0.0), length=length)
    np.testing.assert_allclose(list(islice(carried, count)), whole, rtol=1e-5)
    # The text begins again, and so does the state.
    assert next(carried) == pytest.approx(whole[0], rel=1e-5)


def test_the_state_is_reset():
    length = 10
    model = model_of(carry_state=False)
    ids = model.encode(TEXT)
    alone = []
    for inputs, targets, _ in islice(windows(ids, length), 3):
        output = model.network.forward(one_hot(inputs, len(model.characters)))
        target = one_hot(targets, len(model.characters))
        alone.append(length * categorical_crossentropy(target, output))
    losses = train_characters(model, TEXT, SGD(0.0), length=length)
    np.testing.assert_allclose(list(islice(losses, 3)), alone, rtol=1e-5)
    carrying = model_of(carry_state=True)
    carried = list(islice(train_characters(carrying, TEXT, SGD(0.0), length=length), 3))
    assert carried[0] == pytest.approx(alone[0], rel=1e-5)
    assert abs(carried[1] - alone[1]) > 0.01


def test_steps_are_clipped():
    model = model_of()
    before = [weight.copy() for weight in model.network.weights]
    next(train_characters(model, TEXT, SGD(1.0), length=10, clip=1e-4))
    for weight, old in zip(model.network.weights, before, strict=True):
        assert np.abs(weight - old).max() == pytest.approx(1e-4, rel=0.01)


def test_smoothed_loss():
    losses = np.random.default_rng(0).uniform(50, 100, 500)
    expected = 0.99**500 * 104 + 0.01 * (losses * 0.99 ** np.arange(499, -1, -1)).sum()
    *_, last = smoothed(losses.tolist(), start=104)
    assert last == pytest.approx(expected)


def test_samples_are_the_seeds(trained):
    model, _ = trained
    one, same, other = (
        sample(model, "s", np.random.default_rng(seed), length=60, temperature=2)
        for seed in (1, 1, 2)
    )
    assert one == same != other
    assert len(one) == 60
    assert set(one) <= set(TEXT)


@pytest.mark.parametrize("temperature", [0, 1e-5])
def test_at_temperature_zero_the_most_probable_is_written(temperature):
    """Also where every step reads the whole text so far."""
    model = model_of(carry_state=False)
    text = "sea"
    for _ in range(20):
        output = model.network.forward(one_hot(model.encode(text), len(model.characters)))
        text += model.characters[output[0, -1].argmax()]
    written = sample(model, "sea", np.random.default_rng(0), length=20, temperature=temperature)
    assert "sea" + written == text


def test_at_temperature_one_characters_come_as_often_as_they_are_probable():
    model = model_of("abc")
    expected = model.network.forward(one_hot(model.encode("a"), 3))[0, 0]
    random = np.random.default_rng(0)
    drawn = [sample(model, "a", random, length=1) for _ in range(2000)]
    found = [drawn.count(character) / 2000 for character in "abc"]
    np.testing.assert_allclose(found, expected, atol=0.04)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"empty. Expected a text of at least 6 characters."),
        (b"short", r"has 5 characters. Expected at least 6: a window of 5 and the one that"),
        (b"aaaaaaaa", r"has no character but 'a'. Expected at least 2 different ones."),
        (b"caf\xe9 au lait", r"is not UTF-8 text: 'utf-8' codec can't decode byte 0xe9"),
        (b"\x89PNG\0\0\0\0", r"is not UTF-8 text"),
        (b"ELF\0\1\0\0\0", r"holds zero bytes: expected a text, not a binary file."),
    ],
)
def test_files_that_can_not_be_learned_from(tmp_path, capsys, content, message):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_text(path, 5)
    assert main([str(path), "--length", "5"]) == 3
    output, error = capsys.readouterr()
    assert output == ""
    assert re.search(message, error)
    assert error.startswith(f"character_model: {path} ")
    assert error.count("\n") == 1


def test_any_utf8_text_is_read(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffZwölf Boxkämpfer\r\n🥊 jagen".encode())
    assert read_text(path, 5) == "Zwölf Boxkämpfer\n🥊 jagen"


def test_what_is_not_known_or_not_there(tmp_path, capsys):
    path = tmp_path / "text.txt"
    assert main([str(path)]) == 5
    assert f"character_model: Could not read {path}: No such file" in capsys.readouterr().err
    path.write_text(TEXT)
    for prime, message in (
        ("Q", "Unknown character 'Q'. Expected one of the 12 characters of the text."),
        ("", "Expected a character to begin with. Received: ''"),
    ):
        assert main([str(path), "--prime", prime]) == 3
        assert capsys.readouterr() == ("", f"character_model: {message}\n")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--steps", "0", "expected at least 1. Received: 0"),
        ("--seed", "-1", "expected at least 0. Received: -1"),
        ("--learning-rate", "1e9", "expected a number from 0 to 100. Received: 1e9"),
        ("--temperature", "nan", "expected a number from 0 to 100. Received: nan"),
        ("--optimizer", "adam", "invalid choice: 'adam'"),
    ],
)
def test_options_that_make_no_sense(capsys, option, value, message):
    with pytest.raises(SystemExit) as stopped:
        main(["text.txt", option, value])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def run(tmp_path, *arguments):
    sizes = ["--steps", "250", "--sample-every", "100", "--hidden", "16", "--sample-length", "30"]
    done = subprocess.run(
        [*COMMAND, "text.txt", *sizes, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return re.sub(r"[\d,]+ steps/s", "fast", done.stdout)


def test_command(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT * 4)
    output = run(tmp_path)
    first, *parts = output.split("\n\n")
    assert first == (
        "156 characters, 12 distinct; 16 neurons, 668 weights; loss of knowing nothing 62.12"
    )
    for part, step in zip(parts, (100, 200, 250), strict=True):
        title, written = part.removesuffix("\n").split("\n")
        assert re.fullmatch(rf"step {step}: smoothed loss [\d.]+, [\d.]+ a character; fast", title)
        assert len(written) == 31
        assert written[0] == "s"
    assert run(tmp_path) == output
    losses = {
        options: re.findall(r"loss ([\d.]+),", run(tmp_path, *options))
        for options in ((), ("--no-carry-state",), ("--optimizer", "adagrad"), ("--seed", "1"))
    }
    assert len({tuple(loss) for loss in losses.values()}) == 4
    # It has a rate of its own, and learns at once.
    assert float(losses["--optimizer", "adagrad"][-1]) < float(losses[()][-1]) - 5
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [SGD(1e-3), Adagrad(0.1, 0.0, 1e-8)], ids=["sgd", "adagrad"])
@pytest.mark.parametrize("carry_state", [True, False])
def test_learns_shakespeare(real_data, optimizer, carry_state):
    text = read_text(real_data / "tinyshakespeare.txt", 25)
    random = np.random.default_rng(0)
    model = untrained(text, random, carry_state=carry_state)
    start = np.log(len(model.characters)) * 25
    losses = smoothed(train_characters(model, text, optimizer), start)
    *_, last = islice(losses, 20_000)
    assert start > 104
    assert last < 57
    written = sample(model, "\n", random, length=2000)
    by_frequency = "".join(random.choice(list(text), 2000))
    words = set(text.split())
    share, by_chance = (
        np.mean([word in words for word in sampled.split()]) for sampled in (written, by_frequency)
    )
    assert share > 3 * by_chance
