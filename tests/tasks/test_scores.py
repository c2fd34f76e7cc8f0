"""The definitions of the scores."""

import numpy as np
import pytest

from lstm_ref.data.reading import Tagged
from lstm_ref.tasks import ngrams, task
from lstm_ref.tasks.classifier import Examples, accuracies, simpler_models
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


@pytest.mark.parametrize(
    ("said", "classes", "accuracy", "balanced"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 1], 3 / 4, 1 / 2),
        ([1, 0, 0, 1], [0, 0, 0, 1], 3 / 4, (2 / 3 + 1) / 2),
        ([2, 0, 2], [2, 2, 0], 1 / 3, 1 / 4),  # a class that does not occur has no share
    ],
)
def test_a_balanced_accuracy_counts_a_rare_class_as_much_as_a_frequent_one(said, classes, accuracy, balanced):
    scores = accuracies(np.array(said), np.array(classes))
    assert scores == pytest.approx({"accuracy": accuracy, "balanced accuracy": balanced})


def test_of_classes_as_frequent_as_each_other_the_accuracy_is_balanced_as_it_is():
    assert accuracies(np.array([0, 0, 1, 0]), np.array([0, 1, 1, 0])) == {"accuracy": 0.75}


def examples(texts, classes):
    return Examples([np.array(t) for t in texts], np.array([len(t) for t in texts]), np.array(classes))


def test_logistic_regression_finds_a_pair_of_symbols_that_no_single_symbol_tells_and_learns_from_the_training_texts():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    rng = np.random.default_rng(0)
    texts = [[5, 6, 7, 5, 7] if k % 2 else [6, 5, 7, 7, 5] for k in range(40)]  # 5 6 or 6 5
    texts = [[*rng.integers(8, 12, 3), *text] for text in texts]
    train, held_out = (examples(texts[part], [k % 2 for k in range(20)]) for part in (slice(20), slice(20, 40)))
    scores = simpler_models(train, "word")(held_out)
    assert scores["logistic regression on 1 to 2 words"] == {"accuracy": 1}
    assert scores["the most frequent class"] == {"accuracy": 0.5}
    wrong = held_out._replace(classes=1 - held_out.classes)
    assert simpler_models(train, "word")(wrong)["logistic regression on 1 to 2 words"]["accuracy"] == 0


def test_without_scikit_learn_the_most_frequent_class_is_all_there_is_to_beat(monkeypatch):
    monkeypatch.setattr(ngrams, "find_spec", lambda _: None)
    one = examples([[1], [2]], [0, 1])
    assert list(simpler_models(one, "char")(one)) == ["the most frequent class"]
