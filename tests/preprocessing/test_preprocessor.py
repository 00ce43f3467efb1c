from copy import deepcopy
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn._shipped import shipped
from sentiment_rnn.preprocessing import (
    PreprocessingConfig,
    Preprocessor,
    WordVectors,
    tokenized,
    tokenizer,
)
from sentiment_rnn.preprocessing.tokenized import Corpus, TokenizedTexts

VECTORS = WordVectors(["bad", "good", "film"], np.array([[-1.0, 2.0], [1.0, 0.5], [0.0, 0.5]]))


def make(**options):
    return Preprocessor(PreprocessingConfig(**options), VECTORS)


def test_unknown_words_are_skipped_before_the_text_is_cut():
    preprocessor = make(maxlen=2)
    encoded = preprocessor.encode(["a good but also bad film", "film"])
    assert [ids.tolist() for ids in encoded] == [[2, 1, 3], [3]]
    assert preprocessor.pad(encoded).tolist() == [[2, 1], [3, 0]]
    assert preprocessor.is_truncated(encoded).tolist() == [True, False]


def test_unknown_words_get_the_mean_vector_on_request():
    preprocessor = make(maxlen=3, unknown="vector")
    ids = preprocessor.pad(preprocessor.encode(["quite good"]))
    assert ids.tolist() == [[4, 2, 0]]
    np.testing.assert_allclose(preprocessor.embedding_matrix()[4], [0, 1])
    assert "<unknown>" not in VECTORS


# Marks, quotes at the ends, line breaks and known words, which make texts of all kinds.
TEXTS = st.lists(
    st.sampled_from(["good", "Bad", "film", "'", "''", '"', ".", " ", "\n", "<br />", "don't", ","])
).map("".join)


@given(
    st.lists(TEXTS, max_size=3), st.booleans(), st.booleans(), st.sampled_from(["skip", "vector"])
)
def test_ids_of_texts_are_those_of_their_tokens(texts, lowercase, keep_break_tags, unknown):
    options = {"lowercase": lowercase, "keep_break_tags": keep_break_tags, "unknown": unknown}
    preprocessor = make(**options)
    index = preprocessor.word_vectors.index
    other = index["<unknown>"] if unknown == "vector" else None
    expected = []
    for text in texts:
        found = [index.get(token, other) for token in preprocessor.tokenize(text)]
        expected.append([place + 1 for place in found if place is not None])
    for _ in range(2):  # new, and remembered
        encoded = preprocessor.encode(texts)
        assert [ids.tolist() for ids in encoded] == expected
        assert all(ids.dtype == np.int32 for ids in encoded)
        for ids in encoded:
            ids += 1  # the caller's own


def test_ids_of_real_reviews_are_those_of_their_tokens(sample):
    vectors = WordVectors.load(shipped("models") / "imdb_vectors" / "word_vectors.npz")
    preprocessor = Preprocessor(PreprocessingConfig(), vectors)
    texts = sample[0].texts
    tokens = [preprocessor.tokenize(text) for text in texts]
    for ids, expected in zip(
        preprocessor.encode(texts), preprocessor.encode_tokens(tokens), strict=True
    ):
        np.testing.assert_array_equal(ids, expected)
    together = TokenizedTexts.of(texts, preprocessor.tokenizer)
    for ids, expected in zip(
        preprocessor.encode_tokenized(together), preprocessor.encode_tokens(tokens), strict=True
    ):
        np.testing.assert_array_equal(ids, expected, strict=True)
    copy = deepcopy(preprocessor)
    np.testing.assert_array_equal(copy.encode(texts[:1])[0], preprocessor.encode(texts[:1])[0])


def test_the_ids_of_a_corpus_are_kept(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(tokenized, "LARGE", 1000)
    texts = [*sample[0].texts, "", "unheardof"]

    def encoded(preprocessor, texts, *, refuse=False):
        corpus = Corpus(texts, preprocessor.tokenizer, cache=tmp_path)
        with monkeypatch.context() as patch:
            if refuse:
                patch.setattr(Corpus, "tokenized", property(lambda corpus: 1 / 0))
            return preprocessor.encode_corpus(corpus)

    def check(preprocessor, texts, **options):
        expected = preprocessor.encode(texts)
        for ids, others in zip(encoded(preprocessor, texts, **options), expected, strict=True):
            np.testing.assert_array_equal(ids, others, strict=True)

    words = ["film", "good", "bad", "the"]
    vectors = WordVectors(words, np.eye(4))
    preprocessor = Preprocessor(PreprocessingConfig(), vectors)
    check(preprocessor, texts)
    check(preprocessor, texts, refuse=True)
    check(Preprocessor(PreprocessingConfig(maxlen=7), vectors), texts, refuse=True)
    check(
        Preprocessor(PreprocessingConfig(), WordVectors(words, np.ones((4, 2)))), texts, refuse=True
    )
    for other, changed in (
        (preprocessor, texts[1:]),
        (Preprocessor(PreprocessingConfig(unknown="vector"), vectors), texts),
        (Preprocessor(PreprocessingConfig(lowercase=True), vectors), texts),
        (Preprocessor(PreprocessingConfig(), WordVectors(words[::-1], np.eye(4))), texts),
        (
            Preprocessor(PreprocessingConfig(), WordVectors(["filmgood", *words[2:]], np.eye(3))),
            texts,
        ),
    ):
        with pytest.raises(ZeroDivisionError):
            encoded(other, changed, refuse=True)
        check(other, changed)
        check(other, changed, refuse=True)


def test_the_unknown_vector_survives_saving(tmp_path):
    preprocessor = make(unknown="vector")
    preprocessor.word_vectors.save(tmp_path / "v.npz")
    again = Preprocessor(preprocessor.config, WordVectors.load(tmp_path / "v.npz"))
    np.testing.assert_array_equal(again.embedding_matrix(), preprocessor.embedding_matrix())


@pytest.mark.parametrize("unknown", ["skip", "vector"])
@pytest.mark.parametrize("text", ["", " ", "zebra", "<br /><br />"])
def test_a_text_without_known_words_is_a_row_and_no_crash(unknown, text):
    preprocessor = make(maxlen=4, unknown=unknown)
    vectors = preprocessor.vectors([text])
    assert vectors.shape == (1, 4, 2)
    if unknown == "skip":
        assert not vectors.any()


def test_vectors_are_the_rows_of_the_words():
    vectors = make(maxlen=3).vectors(["good film"])
    np.testing.assert_array_equal(vectors, [[[1, 0.5], [0, 0.5], [0, 0]]])


def test_truncate_cuts_the_same_end_as_pad():
    for truncating in ("pre", "post"):
        preprocessor = make(maxlen=2, truncating=truncating)
        encoded = preprocessor.encode(["good bad film", "film"])
        cut = preprocessor.truncate(encoded)
        assert [ids.tolist() for ids in cut] == [
            row[row > 0].tolist() for row in preprocessor.pad(encoded)
        ]


def test_maxlen_0_keeps_whole_texts():
    preprocessor = make(maxlen=0)
    encoded = preprocessor.encode(["good " * 1000, "bad"])
    assert preprocessor.pad(encoded).shape == (2, 1000)
    assert not preprocessor.is_truncated(encoded).any()
    assert [len(ids) for ids in preprocessor.truncate(encoded)] == [1000, 1]


# Streams


@given(st.lists(st.text(alphabet="god bad film.'\n<br/>", max_size=40), max_size=9))
def test_the_ids_of_a_stream_are_those_of_the_whole(pieces):
    for unknown in ("skip", "vector"):
        preprocessor = make(maxlen=0, unknown=unknown)
        before = list(pieces)
        with patch.object(tokenizer, "_BLOCK", 5):
            parts = list(preprocessor.encode_stream(pieces))
        assert pieces == before
        assert {part.dtype for part in parts} == {np.dtype(np.int32)}
        np.testing.assert_array_equal(
            np.concatenate(parts), preprocessor.encode(["".join(pieces)])[0]
        )


@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("maxlen", [0, 1, 2, 5, 9, 10, 11])
def test_a_stream_is_cut_as_the_whole_is(truncating, maxlen):
    preprocessor = make(maxlen=maxlen, truncating=truncating)
    ids = np.array([1, 2, 3, 1, 1, 2, 3, 3, 2, 2], np.int32)
    for cuts in ([], [1], [2, 2, 7], list(range(10))):
        parts = np.split(ids, cuts)
        kept = preprocessor.truncate_stream(iter(parts))
        assert kept.dtype == np.int32
        assert len(kept) <= (maxlen + 1 if maxlen else 10)
        np.testing.assert_array_equal(preprocessor.pad([kept]), preprocessor.pad([ids]))
        assert preprocessor.is_truncated([kept]) == preprocessor.is_truncated([ids])
        np.testing.assert_array_equal(np.concatenate(parts), ids)
    assert preprocessor.truncate_stream([]).shape == (0,)


def test_a_stream_is_not_read_beyond_what_is_kept():
    read = []

    def parts():
        for number in range(100):
            read.append(number)
            yield np.array([1, 2], np.int32)

    assert make(maxlen=3).truncate_stream(parts()).tolist() == [1, 2, 1, 2]
    assert read == [0, 1]
    make(maxlen=3, truncating="pre").truncate_stream(parts())
    assert len(read) == 102


@given(st.lists(st.text(alphabet="god bad film.'\n", max_size=40), max_size=4))
def test_ids_are_those_of_the_tokens_and_texts_stay_as_they_are(texts):
    before = list(texts)
    preprocessor = make(maxlen=0)
    for text, ids in zip(texts, preprocessor.encode(texts), strict=True):
        words = [VECTORS.words[number - 1] for number in ids]
        assert words == [token for token in preprocessor.tokenize(text) if token in VECTORS]
    assert texts == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"maxlen": -1}, "maxlen must be a whole number from 0 to 1,000,000. Received: -1"),
        ({"maxlen": True}, "maxlen must be a whole number"),
        ({"padding": "left"}, "padding must be one of pre, post. Received: 'left'"),
        ({"truncating": ""}, "truncating must be one of"),
        ({"unknown": "drop"}, "unknown must be one of skip, vector"),
        ({"lowercase": "no"}, "lowercase must be true or false. Received: 'no'"),
    ],
)
def test_the_config_checks_itself(options, message):
    with pytest.raises(ValueError, match=message):
        PreprocessingConfig(**options)
