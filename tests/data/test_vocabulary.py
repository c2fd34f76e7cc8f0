"""Symbols and their numbers."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_ref.data import vocabulary as v

ALL_FIRST = ("<PAD>", "<UNK>", "<BOS>", "<EOS>")
texts = st.lists(st.lists(st.sampled_from(["a", "b", "c", "é", *ALL_FIRST]), max_size=6), max_size=6)


def test_the_first_symbols_have_the_numbers_that_the_models_know_them_by():
    found = v.vocabulary([], first=ALL_FIRST)
    assert found == (v.PADDING, v.UNKNOWN, v.BEGIN, v.END)
    assert [found[k] for k in (v.UNKNOWN_NUMBER, v.BEGIN_NUMBER, v.END_NUMBER)] == [v.UNKNOWN, v.BEGIN, v.END]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", []),
        (" \t\n", []),
        ("It's GOOD", ["it's", "good"]),
        ("don’t", ["don’t"]),
        ("'tis the dogs'", ["'", "tis", "the", "dogs", "'"]),
        ("no, no!!", ["no", ",", "no", "!", "!"]),
        ("snake_case 3.5", ["snake_case", "3", ".", "5"]),
        ("Über-fünf 我爱", ["über", "-", "fünf", "我爱"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("cafe\u0301 x", ["cafe\u0301", "x"]),
    ],
)
def test_words_are_in_lower_case_and_punctuation_stands_alone(text, words):
    assert v.split(text, "word") == words


@given(st.text())
def test_words_leave_out_nothing_but_spaces_and_characters_nothing(text):
    assert "".join(v.split(text, "word")) == "".join(text.lower().split())
    assert v.split(text, "char") == list(text)


def test_the_frequent_come_first_and_equals_by_code_point():
    assert v.vocabulary([["b", "é", "b"], ["a", "Z", "b"]], first=()) == ("b", "Z", "a", "é")


@given(texts, st.integers(1, 4), st.sampled_from([(), ALL_FIRST[:2], ALL_FIRST]))
def test_a_vocabulary_is_what_is_frequent_enough_each_once_after_the_first_symbols(texts, least, first):
    found = v.vocabulary(texts, least, first)
    counts = Counter(symbol for text in texts for symbol in text)
    assert found[: len(first)] == first
    assert len(set(found)) == len(found)
    assert set(found[len(first) :]) == {symbol for symbol in counts if counts[symbol] >= least} - set(first)
    assert found == v.vocabulary([text[::-1] for text in texts[::-1]], least, first)


@given(texts)
def test_known_symbols_come_back_from_their_numbers(texts):
    known = v.vocabulary(texts)
    found = v.numbers(known, texts)
    assert all(ids.dtype == np.int32 for ids in found)
    assert [[known[k] for k in ids] for ids in found] == texts


def test_a_symbol_that_the_vocabulary_lacks_has_the_number_of_the_unknown():
    known = v.vocabulary([["a"]])
    assert [ids.tolist() for ids in v.numbers(known, [["a", "b"], []])] == [[2, v.UNKNOWN_NUMBER], []]


@given(st.lists(st.lists(st.integers(1, 99), max_size=6), max_size=5), st.none() | st.integers(6, 9))
def test_padded_texts_come_back_by_their_lengths_and_all_else_is_zero(texts, steps):
    ids, lengths = v.padded([np.array(text, np.int32) for text in texts], steps)
    assert ids.shape == (max(map(len, texts), default=0) if steps is None else steps, len(texts))
    assert ids.dtype == lengths.dtype == np.int32
    assert [ids[:length, n].tolist() for n, length in enumerate(lengths)] == texts
    assert np.count_nonzero(ids) == lengths.sum()
