import hashlib
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.tokenize import TreebankWordTokenizer

from sentiment_rnn import _cache
from sentiment_rnn._threads import count_processors
from sentiment_rnn.preprocessing import TreebankTokenizer, WordVectors, tokenized
from sentiment_rnn.preprocessing.tokenized import (
    Corpus,
    TokenizedTexts,
    tokenize_batches,
)

TOKENIZER = TreebankTokenizer(keep_break_tags=True)
nltk_tokens = TreebankWordTokenizer().tokenize
TEXTS = st.lists(st.text(alphabet="abc .,'\"\n", max_size=12), max_size=12)


@pytest.fixture
def small(monkeypatch):
    """Every corpus is large, and its batches are small."""
    monkeypatch.setattr(tokenized, "LARGE", 0)
    monkeypatch.setattr(tokenized, "FOR_PROCESSES", 0)
    monkeypatch.setattr(tokenized, "BATCH_CHARACTERS", 1000)


def check(result, texts, tokens=nltk_tokens):
    expected = [tokens(text) for text in texts]
    assert list(result) == expected
    assert len(result) == len(texts)
    # A dict keeps the order in which its keys first came.
    assert result.vocabulary == list(dict.fromkeys(chain.from_iterable(expected)))
    assert (result.numbers.dtype, result.lengths.dtype) == (np.int32, np.int64)
    assert result.numbers.shape == (sum(map(len, expected)),)


@given(TEXTS)
def test_numbers_stand_for_the_tokens_in_the_order_in_which_they_come(texts):
    before = list(texts)
    check(TokenizedTexts.of(texts, TOKENIZER), texts)
    assert texts == before


@given(st.lists(TEXTS, max_size=4))
def test_joined_parts_are_the_whole(parts):
    joined = TokenizedTexts.join(TokenizedTexts.of(part, TOKENIZER) for part in parts)
    check(joined, [text for part in parts for text in part])


@given(TEXTS, st.integers(1, 30))
def test_batches_hold_the_texts_in_their_order(texts, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenized, "BATCH_CHARACTERS", size)
        batches = list(tokenized._batches(texts))
    assert [text for batch in batches for text in batch] == texts
    for batch in batches:
        lengths = list(map(len, batch))
        assert sum(lengths[:-1]) < size
    assert all(sum(map(len, batch)) >= size for batch in batches[:-1])


@pytest.mark.usefixtures("small")
def test_a_corpus_by_processes(sample):
    texts = sample[0].texts
    check(Corpus(texts, TOKENIZER).tokenized, texts)
    check(Corpus(list(np.array(texts[:50])), TOKENIZER).tokenized, texts[:50])
    check(Corpus([], TOKENIZER).tokenized, [])


def test_texts_without_an_end_are_read_as_far_as_they_are_asked_for(monkeypatch):
    monkeypatch.setattr(tokenized, "BATCH_CHARACTERS", 100)
    monkeypatch.setattr(tokenized, "FOR_PROCESSES", 400)
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield "ten chars."

    batches = tokenize_batches(endless(), TOKENIZER)
    for _ in range(20):
        check(next(batches), ["ten chars."] * 10)
    batches.close()
    # 4 batches to see that there are many, and one for each of the processes.
    assert read <= 10 * (20 + 4 + count_processors())


class Untouched(TreebankTokenizer):
    """Says the same of itself as another tokenizer, and tokenizes nothing."""

    def tokenize(self, text):
        raise AssertionError(f"tokenized {text!r}")


def test_a_large_corpus_is_kept(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(tokenized, "LARGE", 1000)
    monkeypatch.setattr(tokenized, "BATCH_CHARACTERS", 1 << 30)
    texts = [*sample[0].texts, "", "half a pair \ud800"]
    check(Corpus(texts, TOKENIZER, cache=tmp_path).tokenized, texts)
    again = Untouched(keep_break_tags=True)
    check(Corpus(texts, again, cache=tmp_path).tokenized, texts)
    with pytest.raises(AssertionError, match="tokenized"):
        _ = Corpus(texts, again).tokenized
    for changed in (
        texts[:-1],
        texts[::-1],
        [texts[0] + "x", *texts[1:]],
        [texts[0] + texts[1][:1], texts[1][1:], *texts[2:]],
    ):
        with pytest.raises(AssertionError, match="tokenized"):
            _ = Corpus(changed, again, cache=tmp_path).tokenized
    for options in ({"lowercase": True, "keep_break_tags": True}, {}, {"lowercase": True}):
        with pytest.raises(AssertionError, match="tokenized"):
            _ = Corpus(texts, Untouched(**options), cache=tmp_path).tokenized
        other = TreebankTokenizer(**options)
        check(Corpus(texts, other, cache=tmp_path).tokenized, texts, other.tokenize)
    check(Corpus(texts, again, cache=tmp_path).tokenized, texts)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_small_corpus_is_not_kept(sample, tmp_path):
    assert len(Corpus(sample[0].texts, TOKENIZER, cache=tmp_path).tokenized)
    assert not list(tmp_path.iterdir())


def test_tokens_that_changed_have_another_format(sample):
    """If this fails because tokens are others now, raise `FORMAT`: kept ones are out of date."""
    text = "\n".join(" ".join(tokens) for tokens in TokenizedTexts.of(sample[0].texts, TOKENIZER))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert (_cache.FORMAT, digest) == (1, "f8476601a9f58b08")


def test_word_vectors_are_trained_alike_on_numbers_and_on_tokens():
    texts = ["a good film .", "a bad film .", "good , good ."] * 5
    by_number = WordVectors.train(TokenizedTexts.of(texts, TOKENIZER), vector_size=4, min_count=1)
    by_token = WordVectors.train([nltk_tokens(text) for text in texts], vector_size=4, min_count=1)
    assert by_number.words == by_token.words
    np.testing.assert_array_equal(by_number.vectors, by_token.vectors)


def test_the_real_reviews(imdb, tmp_path):
    texts = imdb[0].texts[::4]
    one = TokenizedTexts.of(texts, TOKENIZER)
    for _ in range(2):
        many = Corpus(texts, TOKENIZER, cache=tmp_path).tokenized
        assert many.vocabulary == one.vocabulary
        np.testing.assert_array_equal(many.numbers, one.numbers, strict=True)
        np.testing.assert_array_equal(many.lengths, one.lengths, strict=True)
    assert len(list(tmp_path.iterdir())) == 1
