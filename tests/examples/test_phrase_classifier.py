import re
import subprocess
import sys

import numpy as np
import pytest

from examples.phrase_classifier import (
    PHRASES,
    Scores,
    backpropagate,
    evaluate,
    main,
    train_phrases,
    untrained,
)
from sentiment_rnn.datasets import Reviews, load_table
from sentiment_rnn.errors import DataError
from sentiment_rnn.numpy_rnn import categorical_crossentropy
from tests.conftest import ROOT
from tests.numpy_rnn.checks import assert_gradient, by_differences

COMMAND = [sys.executable, str(ROOT / "examples" / "phrase_classifier.py")]
PHRASE = "not at all good"


@pytest.fixture(scope="module")
def own():
    return load_table(PHRASES / "train.tsv"), load_table(PHRASES / "test.tsv")


@pytest.fixture
def small():
    """A classifier of few neurons, whose weights are large enough to do something."""
    random = np.random.default_rng(0)
    classifier = untrained(Reviews([PHRASE, "bad"], np.array([0, 0])), random, hidden=4)
    for weight in classifier.network.weights:
        weight[:] = random.normal(0, 0.7, weight.shape)
    return classifier


def learn(train, test, seed, epochs=1000):
    random = np.random.default_rng(seed)
    classifier = untrained(train, random)
    for _ in train_phrases(classifier, train, random, epochs=epochs):
        pass
    return classifier, evaluate(classifier, test)


def test_the_phrases_are_what_their_readme_says(own):
    train, test = own
    assert (len(train), len(test)) == (62, 20)
    assert (train.labels.mean(), test.labels.mean()) == (0.5, 0.5)
    assert not set(train.texts) & set(test.texts)
    words, tested = ({word for text in part.texts for word in text.split()} for part in own)
    assert len(words) == 20
    assert tested <= words


def test_counting_words_is_not_enough(own):
    """A logistic regression on the words of each phrase fails on what it has learned from."""
    train, _ = own
    words = untrained(train, np.random.default_rng(0), hidden=1)
    bags = np.stack([words.one_hot(text).sum(axis=(0, 1)) for text in train.texts])
    targets = np.eye(2)[train.labels]
    weights, bias = np.zeros((bags.shape[1], 2)), np.zeros(2)
    for _ in range(2000):
        powers = np.exp(bags @ weights + bias)
        error = powers / powers.sum(axis=1, keepdims=True) - targets
        weights -= 0.02 * bags.T @ error
        bias -= 0.02 * error.sum(axis=0)
    right = ((bags @ weights + bias).argmax(axis=1) == train.labels).sum()
    assert right < 50


def test_learns_its_phrases(own):
    train, test = own
    classifier, scores = learn(train, test, seed=0, epochs=400)
    assert scores.right == 20
    assert scores.loss < 0.1
    positive, negative = (
        classifier.word_by_word(text) for text in ("the soup was great", "the soup was not great")
    )
    np.testing.assert_array_equal(positive[:3], negative[:3])
    assert positive[-1] > 0.9
    assert negative[-1] < 0.1


def test_the_gradient_is_that_of_the_loss(small):
    words, target = small.one_hot(PHRASE), np.array([[0.0, 1.0]])
    network = small.network
    loss, right, gradients = backpropagate(network, words, target)

    def loss_now():
        return categorical_crossentropy(target, network.forward(words))

    assert loss == loss_now()
    assert right == (network.forward(words)[0, 1] > 0.5)
    for place, (weight, gradient) in enumerate(zip(network.weights, gradients, strict=True)):
        assert_gradient(gradient, by_differences(loss_now, weight), f"weight {place}")


def test_the_gradient_is_that_of_torch(small):
    torch = pytest.importorskip("torch", reason="torch is not installed", exc_type=ImportError)
    words, target = small.one_hot(PHRASE), np.array([[1.0, 0.0]])
    loss, _, gradients = backpropagate(small.network, words, target)
    w_xh, w_hh, b_h, w_hy, b_y = weights = [
        torch.tensor(weight, requires_grad=True) for weight in small.network.weights
    ]
    h = torch.zeros(1, 4, dtype=torch.float64)
    for x in torch.tensor(words[0]):
        h = torch.tanh(x @ w_xh + h @ w_hh + b_h)
    theirs = torch.nn.functional.cross_entropy(h @ w_hy + b_y, torch.tensor([0]))
    theirs.backward()
    assert loss == pytest.approx(theirs.item(), rel=1e-12)
    for weight, gradient in zip(weights, gradients, strict=True):
        np.testing.assert_allclose(gradient, weight.grad.numpy(), atol=1e-14)


def test_an_epoch_reads_each_phrase_once_in_clipped_steps(own):
    train, _ = own
    random = np.random.default_rng(0)
    classifier = untrained(train, random, hidden=3)
    before = [weight.copy() for weight in classifier.network.weights]
    results = train_phrases(classifier, train, random, epochs=2, learning_rate=1, clip=1e-6)
    first = next(results)
    assert first.phrases == len(train)
    for weight, old in zip(classifier.network.weights, before, strict=True):
        assert 0 < np.abs(weight - old).max() <= len(train) * 1.001e-6
    # So little was learned that the phrases are still judged as before.
    assert first.loss == pytest.approx(evaluate(classifier, train).loss, abs=1e-3)
    assert len(list(results)) == 1


def test_chance_is_the_seeds(own):
    train, test = own
    (one, _), (same, _), (other, _) = (learn(train, test, seed, epochs=1) for seed in (3, 3, 4))
    for left, right in zip(one.network.weights, same.network.weights, strict=True):
        np.testing.assert_array_equal(left, right)
    assert (one.network.weights[0] != other.network.weights[0]).all()


def test_the_last_word_decides(small):
    output = small.network.forward(small.one_hot(PHRASE))
    after = small.word_by_word(PHRASE)
    assert after.shape == (4,)
    assert after[-1] == pytest.approx(output[0, 1])
    assert small.word_by_word("NOT at  all")[-1] == pytest.approx(after[-2])


def test_scores():
    phrases = Reviews(["good", "bad", "not good"], np.array([1, 0, 0]))
    classifier = untrained(phrases, np.random.default_rng(0), hidden=2)
    for weight in classifier.network.weights:
        weight[:] = 0
    classifier.network.weights[-1][:] = 0, np.log(3)  # everything is positive, probability 3/4
    expected = (np.log(4 / 3) + 2 * np.log(4)) / 3
    scores = evaluate(classifier, phrases)
    assert scores == Scores(scores.loss, right=1, phrases=3)
    assert scores.loss == pytest.approx(expected)
    assert str(scores) == "loss 1.020, 1 of 3 right"


@pytest.mark.parametrize(
    ("phrase", "message"),
    [
        (
            "so good",
            r"Unknown word 'so' in 'so good'.\nExpected words of the training phrases: all,",
        ),
        (" ", "Expected a phrase of at least one word. Received: ' '"),
    ],
)
def test_phrases_that_can_not_be_read(small, phrase, message):
    with pytest.raises(DataError, match=message):
        small.one_hot(phrase)


GOOD = "text\tlabel\ngood\t1\nbad\t0\n"


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ("", GOOD, "train.tsv is empty. Expected a header with 'text', 'label'."),
        ("text\tstars\ngood\t1\n", GOOD, "train.tsv, line 1 has no column 'label'."),
        ("text\tlabel\ngood\t1\n", GOOD, "train.tsv: all reviews are positive"),
        (GOOD, "text\tlabel\n", "test.tsv has no rows."),
        (GOOD, "text\tlabel\nnot good\t0\nbad\t1\n", "Unknown word 'not' in 'not good'."),
    ],
)
def test_tables_that_can_not_be_read(tmp_path, capsys, train, test, message):
    (tmp_path / "train.tsv").write_text(train)
    (tmp_path / "test.tsv").write_text(test)
    options = ["--train", str(tmp_path / "train.tsv"), "--test", str(tmp_path / "test.tsv")]
    assert main(options) == 3
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("phrase_classifier: ")
    assert message in error
    assert error.count("\n") <= 3


def test_options_that_do_not_fit(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--train", "phrases.tsv"])
    assert stopped.value.code == 2
    assert "--train and --test go together" in capsys.readouterr().err
    missing = str(tmp_path / "none.tsv")
    assert main(["--train", missing, "--test", missing]) == 5
    assert f"Could not read {missing}" in capsys.readouterr().err


def run(tmp_path, *arguments):
    return subprocess.run(
        [*COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )


def test_command(tmp_path):
    done = run(tmp_path, "--epochs", "102", "--seed", "1", "the soup was dull")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "62 train and 20 test phrases of 20 words"
    scores = r"loss \d\.\d{3}, \d+ of 62 right; test loss \d\.\d{3}, \d+ of 20 right"
    assert re.fullmatch(rf"epoch   100: train {scores}", lines[1])
    assert re.fullmatch(rf"epoch   102: train {scores}", lines[2])
    assert re.fullmatch(r"\d+ of 20 test phrases right", lines[3])
    assert re.fullmatch(r"probability of positive 0\.\d{3}: the soup was dull", lines[4])
    assert len(lines) == 5
    assert not list(tmp_path.iterdir())


def test_command_says_what_is_wrong_before_it_trains(tmp_path):
    done = run(tmp_path, "the soup was delicious")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "phrase_classifier: Unknown word 'delicious' in 'the soup was delicious'.\n"
        "Expected words of the training phrases: all, and, at, awful, but, dull, great, is, "
        "lovely, never, not, or, really, soup, the, today, trip, was, weather, yesterday\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("phrases", ["the tutorial's", "own"])
def test_learns_with_at_least_nine_seeds_of_ten(own, real_data, phrases):
    if phrases == "own":
        train, test = own
    else:
        train, test = (load_table(real_data / f"phrases_{part}.tsv") for part in ("train", "test"))
    right = [learn(train, test, seed)[1].right for seed in range(10)]
    assert right.count(20) >= 9, right
