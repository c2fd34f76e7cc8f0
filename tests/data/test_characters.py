"""Text as characters and their numbers."""

from math import log

import numpy as np
import pytest

from lstm_ref.data.characters import decode, encode, frequency_entropy, read_text, vocabulary
from lstm_ref.errors import BadInput


def test_a_vocabulary_is_the_sorted_distinct_characters():
    assert vocabulary("hello world") == " dehlorw"


def test_decoding_undoes_encoding():
    characters = vocabulary("naïve 東京\n")
    ids = encode(characters, "東 naïve\n")
    assert ids.dtype == np.int32
    assert decode(characters, ids) == "東 naïve\n"
    assert [characters[k] for k in ids] == list("東 naïve\n")


def test_an_unknown_character_is_named_with_its_position():
    with pytest.raises(BadInput, match=r"'é' \(U\+00E9\) at position 3 .* 4 characters"):
        encode("acf ", "cafés é")


@pytest.mark.parametrize("ids", [[0, -1], [2], [0, 1, 99]])
def test_a_number_that_is_no_character_is_refused(ids):
    with pytest.raises(BadInput, match=r"0\.\.1"):
        decode("ab", ids)


def test_frequency_entropy_is_that_of_the_frequencies():
    assert frequency_entropy("abcd") == pytest.approx(log(4))
    assert frequency_entropy("aaab") == pytest.approx(-(0.75 * log(0.75) + 0.25 * log(0.25)))


def test_the_story_that_comes_along_is_plain_ascii_and_long_enough_to_learn_from():
    text = read_text()
    assert text.isascii()
    assert 3000 <= len(text) <= 5000


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot read"), (b"", "is empty"), (b"caf\xe9", "not UTF-8 text: byte 0xe9 at position 3")],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, content, says):
    if content is not None:
        (tmp_path / "t").write_bytes(content)
    with pytest.raises(BadInput, match=says):
        read_text(tmp_path / "t")
