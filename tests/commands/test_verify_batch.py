"""`lstm-ref verify` on a batch of a user's own text."""

import pytest
from click.testing import CliRunner

from lstm_ref.commands.verify import verify
from lstm_ref.errors import BadInput
from lstm_ref.models import translation


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("".join(f"w{k} w{k + 1}\tv{k}\n" for k in range(20)) + "lost\n")
    return path


def told(*arguments):
    return CliRunner().invoke(verify, [*map(str, arguments)])


def test_a_batch_of_a_file_is_right_and_rows_left_out_are_told(pairs):
    result = told("models/batch-translation", "--data", pairs)
    assert result.exit_code == 0, result.output
    assert "1 right" in result.output
    assert "x.tsv, line 21: it has 1 column" in result.stderr


def test_a_wrong_backward_is_red(pairs, monkeypatch):
    right = translation.backward
    monkeypatch.setattr(translation, "backward", lambda *given: right(*given)._replace(source=0 * given[0].source))
    result = told("models/batch-translation", "--data", pairs)
    assert result.exit_code == 1
    assert "params.source" in result.output


def test_data_without_a_models_batch_is_refused(pairs):
    result = told("models", "--data", pairs)
    assert isinstance(result.exception, BadInput)
    assert "--data is for one model's batch, so name it" in str(result.exception)
