"""Sentences that the default model learns from."""

import re
from itertools import chain

import numpy as np
import pytest

from scripts import distill, made_up, measure


def test_adjectives_are_those_that_tell_the_class():
    texts = ["So dull. Very long.", "very DULL, very long", "a really nice, very long film"] * 30
    texts += ["so rare"] * 10
    labels = np.array([0, 0, 1] * 30 + [1] * 10)
    assert made_up.adjectives(texts, labels) == (["dull"], ["nice"])


def test_what_is_made_up_says_what_it_should():
    made = made_up.made_up(["awful"], ["nice"], 100_000, seed=0)
    assert made == made_up.made_up(["awful"], ["nice"], 100_000, seed=0)
    said = dict(zip(*made, strict=True))

    def praises(pattern: str) -> set[bool]:
        found = {said[text] > 0.5 for text in said if re.fullmatch(pattern + "[.!]?", text)}
        assert found, pattern
        return found

    assert "What an awful" in " ".join(said)
    for praise, blame in (
        ("Nice", "Dull"),
        ("Not dull", "Not nice"),
        (r"I did not hate [\w ]+", r"I did not love [\w ]+"),
        (r"[\w ]+ did not bore me", r"[\w ]+ did not move me"),
        (r"There is no better \w+", r"There is no worse \w+"),
        (r"[\w ]+ could be worse", r"[\w ]+ could be better"),
        ("Nobody was yawning", "Nobody was laughing"),
        (r"I see no reason not to praise [\w ]+", r"I see no reason to praise [\w ]+"),
        ("No complaints", "No thanks"),
    ):
        assert praises(praise) == {True}
        assert praises(blame) == {False}
    assert not [sentence for sentence in said if re.search(r"[{}]|  |^[a-z]", sentence)]
    # As many praise as blame, and where there are two sentences, they agree.
    assert abs(np.mean([probability > 0.5 for probability in made[1]]) - 0.5) < 0.01
    pair = re.compile(r"(?:Dull|Slow|Nice|Good)[.!] [^.!]+[.!]?")
    pairs = [text for text in said if pair.fullmatch(text)]
    assert len(pairs) > 5
    assert all((said[text] > 0.5) == text.startswith(("Nice", "Good")) for text in pairs)


def test_articles_fit():
    texts, _ = made_up.made_up(["awful"], ["amazing"], 100_000, seed=0)
    said = " ".join(texts).lower()
    assert re.search(r"\ban? (?:\w+ )?(?:awful|amazing)", said)
    assert not re.search(r"\ba (?:awful|amazing|ugly|useless|album|actor|ending)\b", said)
    assert not re.search(r"\ban (?:dull|nice|very|really|quite|so|film|story)\b", said)


def _patterns():
    """Regular expressions of all that can be made up."""
    adjective = "[a-z]{3,}"
    slots = {
        "it": f"(?:(?:the|this) (?:{'|'.join(made_up.THINGS)})|it)",
        "is": "(?:is|was)",
        "a": "an?",
        "adverb": f"(?:{'|'.join(made_up.ADVERBS)})",
        "thing": f"(?:{'|'.join(made_up.THINGS)})",
        "seem": f"(?:{'|'.join(made_up._SEEMS)})",
        "seems": f"(?:{'|'.join(made_up._SEEMS)})s",
        **{slot: f"(?:{'|'.join(words)})" for slot, words in made_up._PLAIN.items()},
        **{slot: f"(?:{'|'.join(chain(*words))})" for slot, words in made_up.WORDS.items()},
        **dict.fromkeys(("word", "like", "unlike"), adjective),
    }
    for says in (*made_up.SAYS, *chain(*made_up.WORDS["phrase"])):
        if says != "{phrase}":
            pattern = re.escape(says.lower()).replace(r"\{", "{").replace(r"\}", "}")
            yield re.sub(r"\{(\w+)\}", lambda slot: slots[slot[1]], pattern)


@pytest.mark.parametrize("path", [measure.SENTENCES, distill.SENTENCES], ids=["test", "validation"])
def test_none_of_them_measures_a_model(path):
    patterns = list(_patterns())
    assert any(
        re.fullmatch(pattern, "this meal was not half as bad as people claim")
        for pattern in patterns
    )
    for text in measure.read_sentences(path)[0]:
        for part in re.split(r"(?<=[.!?])\s+", text.lower()):
            found = [says for says in patterns if re.fullmatch(says, part.strip(" .!"))]
            assert not found, (text, found)


def test_sentences_that_choose_are_not_those_that_measure():
    texts, labels, kinds = measure.read_sentences(distill.SENTENCES)
    tested, _, _ = measure.read_sentences(measure.SENTENCES)
    assert not {text.lower() for text in texts} & {text.lower() for text in tested}
    for kind in ("film", "negation", "other"):
        assert labels[kinds == kind].sum() == np.sum(kinds == kind) / 2 == 20
