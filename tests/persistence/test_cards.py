"""What the cards of models say."""

import shlex

import numpy as np
import pytest

from sentiment_rnn import SentimentClassifier, WordVectors
from sentiment_rnn.persistence.cards import training_command


def test_the_card_of_a_network(saved):
    card = (saved / "README.md").read_text()
    assert "Bidirectional(SimpleRNN(4)) → Dropout(0.2) → Flatten → Dense(1)" in card
    assert "| validation | " in card
    command = (
        "train --data DATA --preset bidirectional --vectors imdb --seed 1 --maxlen 60 --units 4"
    )
    assert command in card


@pytest.mark.parametrize("option", ["vectors", "pretrained"])
@pytest.mark.parametrize("name", ["GoogleNews.bin.gz", "it's mine.txt", "$(reboot)", "200"])
def test_the_shell_takes_the_names_of_files_as_they_are(option, name):
    provenance = {"preset": "textbook", "seed": 0, "options": {}, option: name}
    words = shlex.split(training_command(provenance, [0, 1]))
    assert words[:2] == ["sentiment-rnn", "train"]
    assert words[words.index(f"--{option}") + 1] == name


def test_there_is_no_command_for_vectors_given_in_memory(tmp_path):
    vectors = WordVectors(["good", "bad"], np.eye(2, 3))
    classifier = SentimentClassifier(vectors=vectors, units=2, epochs=1, engine="numpy")
    classifier.fit(["good film", "bad film"] * 30, [1, 0] * 30).save(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "\nTrained from Python, with word vectors given in memory.\n" in card
    assert "Made by" not in card
    assert "sentiment-rnn train" not in card
