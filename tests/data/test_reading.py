"""Files of labelled text: which lines are read, and which are left out, with their numbers."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_ref.data.reading import SENTIMENTS, Bad, Labelled, Pair, Rows, Tagged, labelled, lines, pairs, tagged
from lstm_ref.data.reading import twitter_csv as tweets
from lstm_ref.errors import BadInput

REAL = Path(__file__).parents[3] / "shared/data"


class Format(NamedTuple):
    name: str
    read: Callable[[Path], Rows]
    write: Callable[[str], str]
    row: Callable[[str], tuple]
    apart: str = "\n"
    """What ends a row."""


def conllu(number="1", form="a", upos="NOUN", xpos="NN"):
    return "\t".join([number, form, "_", upos, xpos, *"_____"])


TEXTS = Format("x.txt", lambda path: lines(path, "L"), str, lambda text: Labelled(text, "L"))
CSV = Format("x.csv", tweets, lambda text: f"1,game,Neutral,{text}", lambda text: Labelled(text, "Neutral"))
PAIRS = Format("x.tsv", lambda path: pairs([path]), lambda text: f"{text}\tb", lambda text: Pair(text, "b"))
BIO = Format("x.bio", lambda path: tagged([path]), lambda text: f"{text}\tO", lambda t: Tagged((t,), ("O",)), "\n\n")
CONLLU = Format("x.conllu", BIO.read, lambda t: conllu(form=t), lambda text: Tagged((text,), ("NOUN",)), "\n\n")

every_format = pytest.mark.parametrize("form", [TEXTS, CSV, PAIRS, BIO, CONLLU], ids=lambda form: form.name)


@pytest.fixture
def file(tmp_path):
    def write(name, held):
        path = tmp_path / name
        path.write_bytes(held if isinstance(held, bytes) else held.encode())
        return path

    return write


def test_a_bad_row_says_where_and_why():
    assert str(Bad("x.csv", 3, "it is empty")) == "x.csv, line 3: it is empty"


# --------------------------------------------------------------------------------------------------- every format


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("last", [True, False], ids=["ended", "open"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["bare", "BOM"])
@every_format
def test_line_ends_and_a_byte_order_mark_are_no_part_of_a_row(file, form, mark, last, end):
    text = form.apart.join(map(form.write, ("one", "two"))) + form.apart * last
    assert form.read(file(form.name, mark + text.replace("\n", end))) == ([form.row("one"), form.row("two")], [])


@pytest.mark.parametrize("inside", [*"\u2028\u2029\x85\f\v\x1c\0"], ids=ascii)
@every_format
def test_only_a_line_feed_ends_a_line(file, form, inside):
    assert form.read(file(form.name, form.write(f"a{inside}b"))) == ([form.row(f"a{inside}b")], [])


@every_format
def test_a_row_that_is_not_utf_8_is_left_out_alone(file, form):
    rows = [form.write(text).encode() for text in ("one", "caf?", "two")]
    rows[1] = rows[1].replace(b"?", b"\xe9")
    good, (bad,) = form.read(path := file(form.name, form.apart.encode().join(rows)))
    assert good == [form.row("one"), form.row("two")]
    assert bad[:2] == (str(path), 1 + len(form.apart))
    assert "not UTF-8: byte 0xe9 at character" in bad.why


def test_a_byte_that_is_not_utf_8_is_named_with_its_place_in_characters(file):
    (bad,) = lines(file("x", "我é".encode() + b"\xe9"), "L").bad
    assert bad.why == "it is not UTF-8: byte 0xe9 at character 3"


@pytest.mark.parametrize("held", [b"", b"\xef\xbb\xbf"], ids=["nothing", "BOM"])
@every_format
def test_an_empty_file_holds_no_rows(file, form, held):
    assert form.read(file(form.name, held)) == ([], [])


@every_format
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path, form):
    with pytest.raises(BadInput, match=rf"cannot read .*{form.name}: No such file"):
        form.read(tmp_path / form.name)
    (tmp_path / form.name).mkdir()
    with pytest.raises(BadInput, match=rf"cannot read .*{form.name}: Is a directory"):
        form.read(tmp_path / form.name)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@every_format
def test_utf_16_is_refused_and_not_read_as_zeros_between_letters(file, form, encoding):
    with pytest.raises(BadInput, match=rf"{form.name} is UTF-16 .* UTF-8"):
        form.read(file(form.name, f"\ufeff{form.write('one')}\n{form.write('two')}".encode(encoding)))


# ----------------------------------------------------------------------------------------------------------- rows


@pytest.mark.parametrize(
    "form, row, why",
    [
        (TEXTS, "", "it is empty"),
        (TEXTS, " \t\u3000", "it is empty"),
        (CSV, "tweet,entity,sentiment,text", "its sentiment is 'sentiment', which is none of Positive, Neg"),
        (CSV, "1,game,positive,a", "its sentiment is 'positive'"),
        (CSV, "1,game,Positive", "it has 3 columns"),
        (CSV, "1,game,Positive,a, b", "it has 5 columns"),
        (CSV, "1,game,Positive,", "its text is empty"),
        (CSV, '1,game,Positive," \u3000"', "its text is empty"),
        (CSV, '1,game,Positive,"a"b', "it is not a row of a CSV file: ',' expected after '\"'"),
        (CSV, "1,game,Positive,a\rb", "it is not a row of a CSV file: new-line character"),
        (PAIRS, "", "it has 1 column"),
        (PAIRS, "a b", "it has 1 column"),
        (PAIRS, "a\tb\tc\td", "it has 4 columns"),
        (PAIRS, " \tb", "its source is empty"),
        (PAIRS, "a\t", "its target is empty"),
        (BIO, "a", "it has 1 column"),
        (BIO, "a NN O", "it has 3 columns"),
        (BIO, "a\tNN\tO", "it has 3 columns"),
        (BIO, "\tO", "its token is empty"),
        (BIO, "a\t ", "its tag is empty"),
        (CONLLU, conllu() + "\t_", "it has 11 columns"),
        (CONLLU, "1 a _ NOUN NN _ _ _ _ _", "it has 1 column"),
        (CONLLU, conllu(number="x"), "its number is 'x'"),
        (CONLLU, conllu(number="-1"), "its number is '-1'"),
        (CONLLU, conllu(number="1-"), "its number is '1-'"),
        (CONLLU, conllu(form=""), "it has no form"),
        (CONLLU, conllu(upos="_"), "it has no UPOS"),
        (CONLLU, conllu(upos=""), "it has no UPOS"),
    ],
)
def test_a_bad_row_is_left_out_with_its_line(file, form, row, why):
    text = form.apart.join([form.write("one"), row, form.write("two")])
    good, (bad,) = form.read(path := file(form.name, text))
    assert good == [form.row("one"), form.row("two")]
    assert bad[:2] == (str(path), 1 + len(form.apart))
    assert bad.why.startswith(why)


@every_format
def test_bad_rows_name_their_own_file(file, form):
    several = {TEXTS: labelled, CSV: labelled, PAIRS: pairs}.get(form, tagged)
    suffix = Path(form.name).suffix
    paths = [file(f"{name}{suffix}", b"\xff\n" + form.write(name).encode()) for name in "ab"]
    assert [bad[:2] for bad in several(paths).bad] == [(str(path), 1) for path in paths]


def test_spaces_around_a_text_are_no_part_of_it(file):
    assert lines(file("x", " a b \n"), "L").good == [("a b", "L")]
    assert pairs([file("x", " a b \t c \n")]).good == [("a b", "c")]


def test_where_a_pair_comes_from_is_passed_over(file):
    assert pairs([file("x", "Go.\tGeh.\tCC-BY 2.0 (France)\n")]) == ([("Go.", "Geh.")], [])


# ------------------------------------------------------------------------------------------------------------ CSV


tweet = st.tuples(st.sampled_from([*SENTIMENTS, "None"]), st.text('a ",\n\r\u2028é', max_size=6))


@given(st.lists(tweet, max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_quoted_texts_come_back_and_lines_stay_right_after_breaks_in_them(tmp_path_factory, rows, end):
    written, good, bad = io.StringIO(newline=""), [], []
    to = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator=end)
    for sentiment, text in rows:
        line = written.getvalue().count("\n") + 1
        to.writerow([1, "game", sentiment, text])
        text = text.replace("\r\n", "\n").strip()
        if text and sentiment != "None":
            good.append((text, sentiment))
        else:
            bad.append(line)
    path = tmp_path_factory.getbasetemp() / "quoted.csv"
    path.write_text(written.getvalue(), encoding="utf-8", newline="")
    read = tweets(path)
    assert (read.good, [one.line for one in read.bad]) == (good, bad)


def test_a_quote_that_never_closes_is_reported_where_it_opens_and_costs_its_own_line_alone(file):
    good, (bad,) = tweets(file("x.csv", '1,g,Positive,a\n\n2,g,Negative,"b\n3,g,Neutral,c\n'))
    assert good == [("a", "Positive"), ("c", "Neutral")]
    assert (bad.line, bad.why) == (3, "it is not a row of a CSV file: unexpected end of data")


def test_blank_lines_between_rows_count_as_lines_and_are_no_rows(file):
    good, bad = tweets(file("x.csv", "\n\n1,g,Positive,a\n\n2,g\n"))
    assert (len(good), [one.line for one in bad]) == (1, [5])


# -------------------------------------------------------------------------------------------------------- classes


@pytest.mark.parametrize(
    "names, labels",
    [
        (("x.pos", "x.neg"), ("pos", "neg")),
        (("good.txt", "poor.txt"), ("good", "poor")),
        (("a.v1.pos", "a.v1.neg"), ("pos", "neg")),
        (("a.pos", "b.neg"), ("a", "b")),
    ],
)
def test_a_files_class_is_its_suffix_where_stems_are_the_same_else_its_stem(file, names, labels):
    paths = [file(name, name) for name in names]
    assert labelled(paths) == (list(zip(names, labels, strict=True)), [])


@pytest.mark.parametrize(
    "names",
    [
        ("x.pos",),
        ("x.pos", "x.pos"),
        ("a.txt", "a.dat", "b.txt"),
        ("x", "x.pos"),
        ("x.csv", "x.pos"),
    ],
    ids=" ".join,
)
def test_files_that_do_not_tell_classes_apart_are_refused_by_name(file, names):
    with pytest.raises(BadInput, match=rf"one class.*got .*{', .*'.join(names)}$"):
        labelled([file(name, "a\n") for name in names])


def test_csv_files_need_no_second_file_and_hold_their_own_classes(file):
    assert labelled([file("x.CSV", CSV.write("a"))]) == ([CSV.row("a")], [])


# ------------------------------------------------------------------------------------------------------ sentences


@pytest.mark.parametrize("between", ["\t", " ", "   ", " \t "], ids=repr)
def test_token_and_tag_stand_apart_by_a_tab_or_spaces(file, between):
    assert tagged([file("x.bio", f"a{between}B-LOC\nb{between}O\n")]) == ([(("a", "b"), ("B-LOC", "O"))], [])


def test_a_token_before_a_tab_may_hold_spaces(file):
    assert tagged([file("x.bio", "1 000\tO\n")]).good == [(("1 000",), ("O",))]


@pytest.mark.parametrize("start", ["-DOCSTART-", "-DOCSTART- -X- -X- O", "-DOCSTART-\tO"])
def test_the_start_of_a_document_is_no_token(file, start):
    assert tagged([file("x.bio", f"{start}\n\na O\n")]) == ([(("a",), ("O",))], [])


def test_comments_contractions_and_empty_nodes_are_no_tokens(file):
    rows = ["# text = au", conllu("1-2", "au", "_", "_"), conllu("1", "à", "ADP"), conllu("2", "le", "DET")]
    rows += [conllu("2.1", "x", "_"), "# end"]
    assert tagged([file("x.conllu", "\n".join(rows))]) == ([(("à", "le"), ("ADP", "DET"))], [])


@pytest.mark.parametrize("text", ["# a\n# b\n", "\n\n\n", "# a\n\n# b\n\n"])
def test_a_file_of_comments_and_blank_lines_holds_no_sentences(file, text):
    assert tagged([file("x.conllu", text)]) == ([], [])


@pytest.mark.parametrize("column, tag", [("upos", "NOUN"), ("xpos", "NN")])
def test_the_tags_are_those_of_the_column_asked_for(file, column, tag):
    assert tagged([file("x.CONLLU", conllu())], column).good == [(("a",), (tag,))]


def test_a_column_without_a_tag_matters_only_where_it_is_asked_for(file):
    path = file("x.conllu", conllu(xpos="_"))
    assert len(tagged([path]).good) == 1
    assert [bad.why for bad in tagged([path], "xpos").bad] == ["it has no XPOS; its sentence is left out"]


def test_a_sentence_with_bad_rows_is_left_out_whole_and_each_is_reported(file):
    good, bad = tagged([file("x.bio", "a O\nb\nc O\nd\n\n\ne O\n")])
    assert good == [(("e",), ("O",))]
    assert [one.line for one in bad] == [2, 4]


# ------------------------------------------------------------------------------------------------------ real files


def real(name):
    if not (REAL / name).exists():
        pytest.skip(f"{REAL / name} is absent")
    return REAL / name


def test_all_of_pang_and_lees_sentences_are_read():
    good, bad = labelled([real("rt-polarity.pos"), real("rt-polarity.neg")])
    assert [row.label for row in good] == ["pos"] * 5331 + ["neg"] * 5331
    assert not bad


def test_all_of_kaggles_tweets_are_read():
    good, bad = labelled([path := real("twitter_entity_sentiment_validation.csv")])
    with path.open(encoding="utf-8-sig", newline="") as rows:
        expected = [(row[3].replace("\r\n", "\n").strip(), row[2]) for row in csv.reader(rows)]
    assert good == [row for row in expected if row[0]]
    assert len(good) + len(bad) == len(expected)


@pytest.mark.parametrize("part", ["dev", "test"])
def test_the_tokens_of_a_treebank_spell_its_texts(part):
    good, bad = tagged([path := real(f"zh_gsdsimp-ud-{part}.conllu")])
    texts = [line[9:] for line in path.read_text(encoding="utf-8").split("\n") if line.startswith("# text = ")]
    assert [squeezed("".join(row.tokens)) for row in good] == [squeezed(text) for text in texts]
    assert not bad


def squeezed(text):
    return "".join(text.split())


def test_a_text_of_any_length_is_read_and_the_csv_modules_limit_is_as_it_was(file):
    before = csv.field_size_limit()
    good, bad = tweets(file("x.csv", "1,g,Positive," + "a" * 200_000 + "\n"))
    assert (len(good[0].text), bad, csv.field_size_limit()) == (200_000, [], before)
