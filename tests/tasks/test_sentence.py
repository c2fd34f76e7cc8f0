"""The tutorial's own sentence."""

from lstm_ref.tasks.tagger import TASK, Asking, Settings
from lstm_ref.training.run import initial_state, run


def test_a_handful_of_sentences_is_enough_to_tag_a_new_one_rightly():
    settings = Settings()
    corpus = TASK.prepare([], settings)
    assert len(corpus.train.rows) + len(corpus.held_out.rows) == 20
    sentence = "我爱北京天安门"
    assert all("".join(row.tokens) != sentence for row in (*corpus.train.rows, *corpus.held_out.rows))
    for step in run(TASK, settings, corpus, initial_state(TASK, settings, corpus.vocabularies), 300):
        state = step.state
    (told,) = TASK.predict(state.chosen, corpus.vocabularies, settings, Asking(units="char"), [sentence])
    assert told.line == "我/O 爱/O 北/B-LOC 京/I-LOC 天/B-LOC 安/I-LOC 门/I-LOC"
