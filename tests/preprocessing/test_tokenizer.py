import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.tokenize import TreebankWordTokenizer

from sentiment_rnn.preprocessing import TreebankTokenizer


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I can't say I didn't.", ["I", "ca", "n't", "say", "I", "did", "n't", "."]),
        ("A 10/10 film, isn't it?", ["A", "10/10", "film", ",", "is", "n't", "it", "?"]),
        ('He said "no" (twice).', ["He", "said", "``", "no", "''", "(", "twice", ")", "."]),
        ("Dull. Very dull.", ["Dull.", "Very", "dull", "."]),
        ("", []),
    ],
)
def test_penn_treebank_rules(text, tokens):
    assert TreebankTokenizer().tokenize(text) == tokens


@pytest.mark.parametrize("tag", ["<br />", "<br/>", "<br>", "<BR />"])
def test_break_tags_end_a_word_and_are_no_tokens(tag):
    assert TreebankTokenizer().tokenize(f"dull{tag}{tag}slow") == ["dull", "slow"]


def test_break_tags_are_tokens_as_in_the_textbook_on_request():
    tokens = TreebankTokenizer(keep_break_tags=True).tokenize("dull<br />slow")
    assert tokens == ["dull", "<", "br", "/", ">", "slow"]


def test_lowercase():
    assert TreebankTokenizer(lowercase=True).tokenize("A GEM") == ["a", "gem"]


@given(st.text())
def test_same_tokens_as_nltk(text):
    expected = TreebankWordTokenizer().tokenize(text)
    assert TreebankTokenizer(keep_break_tags=True).tokenize(text) == expected
