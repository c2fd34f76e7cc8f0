"""Generated corpora: numbers in words, opinions, sentences."""

from collections import Counter

import numpy as np
import pytest

from lstm_ref.data import made
from lstm_ref.data.made import LARGEST, english, german, numbers, opinions, sentences


def below_100(small, tens, joined):
    """All the names of 0..99, as their values."""
    units = small.split()
    names = units + [joined(unit, ten) for ten in tens.split() for unit in ["", *units[1:10]]]
    return {name: n for n, name in enumerate(names)}


ENGLISH = below_100(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen",
    "twenty thirty forty fifty sixty seventy eighty ninety",
    lambda unit, ten: f"{ten} {unit}".strip(),
)
GERMAN = below_100(
    "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn",
    "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    lambda unit, ten: f"{unit} und {ten}" if unit else ten,
)


def value(text, names, **sizes):
    """The number that is written; a KeyError where it is not written as it should be."""
    for word, size in sizes.items():
        times, found, rest = text.partition(f" {word}")
        if found:
            return size * value(times, names, **sizes) + (value(rest[1:], names, **sizes) if rest else 0)
    return names[text]


def english_value(text):
    return value(text, ENGLISH, thousand=1000, hundred=100)


def german_value(text):
    *_, last = text.split()
    assert last != "ein"
    return value(text.removesuffix("s") if last == "eins" else text, GERMAN, tausend=1000, hundert=100)


@pytest.mark.parametrize("written, read", [(english, english_value), (german, german_value)])
def test_a_number_in_words_is_read_back(written, read):
    drawn = np.random.default_rng(0).integers(LARGEST + 1, size=10_000).tolist()
    for n in (*range(3000), *range(0, LARGEST, 1000), *range(1, LARGEST, 1000), *drawn, LARGEST):
        assert read(written(n)) == n, written(n)


@pytest.mark.parametrize(
    "n, in_english, in_german",
    [
        (0, "zero", "null"),
        (1, "one", "eins"),
        (42, "forty two", "zwei und vierzig"),
        (81, "eighty one", "ein und achtzig"),
        (300_000, "three hundred thousand", "drei hundert tausend"),
        (101_001, "one hundred one thousand one", "ein hundert ein tausend eins"),
        (342_017, "three hundred forty two thousand seventeen", "drei hundert zwei und vierzig tausend siebzehn"),
    ],
)
def test_numbers_in_words_by_example(n, in_english, in_german):
    assert (english(n), german(n)) == (in_english, in_german)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 999, 10_001, 20_000])
def test_pairs_are_of_one_number_each_no_number_twice_and_a_tenth_are_small(count):
    good, bad = numbers(count)
    found = [english_value(pair.source) for pair in good]
    assert found == [german_value(pair.target) for pair in good]
    assert len(set(found)) == len(found) == count
    assert sum(n < 1000 for n in found) == min(count // 10, 1000)
    assert not bad


def test_pairs_are_a_function_of_the_seed():
    assert numbers(50, seed=1) == numbers(50, seed=1) != numbers(50, seed=2)


def test_every_number_can_be_drawn(monkeypatch):
    monkeypatch.setattr(made, "LARGEST", 1099)
    found = {english_value(pair.source) for pair in numbers(111).good}
    assert {n for n in found if n >= 1000} == set(range(1000, 1100))
    monkeypatch.undo()
    assert {english_value(pair.source) for pair in numbers(10_000).good} >= set(range(1000))


@pytest.mark.parametrize(
    "part, other, turned",
    [
        (" is ", " is not ", True),
        (" was ", " was never ", True),
        (" is ", " was ", False),
        (" very ", " ", False),
        (" quite ", " ", False),
        (" so ", " ", False),
        (" good", " dull", True),
        (" moving", " good", False),
    ],
)
def test_a_negation_turns_an_opinion_round_and_a_degree_does_not(part, other, turned):
    labels = dict(opinions().good)
    assert labels["the film is good"] == "positive"
    changed = {
        text: text.replace(part, other) for text in labels if part in text and text.replace(part, other) in labels
    }
    assert changed
    for text, to in changed.items():
        assert (labels[text] != labels[to]) == turned, (text, to)


def test_opinions_differ_and_are_of_either_kind_equally_often():
    good, bad = opinions()
    assert len(set(good)) == len(good) == 8 * 4 * 4 * 12
    assert set(Counter(row.label for row in good).values()) == {len(good) // 2}
    assert not bad


def test_the_sentences_tag_characters_and_a_name_goes_on_only_after_it_began():
    good, bad = sentences()
    assert not bad
    for tokens, tags in good:
        assert all(len(token) == 1 for token in tokens)
        for prev, tag in zip(("O", *tags), tags, strict=False):
            assert tag in ("O", "B-LOC", "B-PER") or (tag[:2] == "I-" and prev[1:] == tag[1:] and prev != "O"), tags
    assert {"B-LOC", "B-PER"} <= {tag for row in good for tag in row.tags}
