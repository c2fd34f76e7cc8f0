"""The definitions of the scores."""

import numpy as np
import pytest

from lstm_ref.data.reading import Tagged
from lstm_ref.tasks import task
from lstm_ref.tasks.tagger import judged


@pytest.mark.parametrize(
    ("truth", "said", "accuracy", "f1"),
    [
        (["B-LOC", "I-LOC", "O"], ["B-LOC", "I-LOC", "O"], 1, 1),
        (["B-LOC", "I-LOC", "O"], ["B-LOC", "O", "O"], 2 / 3, 0),
        (["B-LOC", "O", "O", "O"], ["B-LOC", "B-PER", "B-PER", "B-PER"], 1 / 4, 0.4),
        (["O", "O"], ["B-PER", "O"], 1 / 2, 0),
        (["B-LOC", "O"], ["B-PER", "O"], 1 / 2, 0),
    ],
)
def test_a_span_counts_whole_with_its_kind_and_a_false_one_of_any_kind_counts_against(truth, said, accuracy, f1):
    scores = judged([Tagged(tuple("abcd"[: len(truth)]), tuple(truth))], [said])
    assert scores == pytest.approx({"accuracy": accuracy, "span F1": f1})


def test_tags_that_are_no_spans_have_no_f1():
    assert list(judged([Tagged(("a",), ("NOUN",))], [["VERB"]])) == ["accuracy"]


def test_a_translation_with_a_symbol_that_has_no_number_is_not_exact(tmp_path):
    (tmp_path / "x.tsv").write_text("".join(f"w{k}\tv{k}\n" for k in range(20)))
    model = task("translation")
    settings = model.Settings(hidden=4, embedding=3, least=9)
    corpus = model.prepare([tmp_path / "x.tsv"], settings)
    params = model.initial(np.random.default_rng(0), corpus.vocabularies, settings)
    head = params.head._replace(w=0 * params.head.w, b=np.array([0.0, 9.0, 0.0, 8.0]))  # says <UNK>, always
    assert model.score(params._replace(head=head), corpus.held_out, settings)["exact"] == 0
