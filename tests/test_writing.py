"""Atomic file writes: what a file holds afterwards, and what stays if writing fails."""

import os
import signal
import stat
import subprocess
import sys

import pytest

from lstm_ref.errors import BadInput
from lstm_ref.writing import write_whole


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("links", [1, 3])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_stays_a_link_and_what_it_points_to_is_written(tmp_path, links, dangling):
    (tmp_path / "there").mkdir()
    file = tmp_path / "there" / "file"
    if not dangling:
        file.write_text("old")
    at = file
    for k in range(links):
        (tmp_path / f"link{k}").symlink_to(os.path.relpath(at, tmp_path))
        at = tmp_path / f"link{k}"
    write_whole(at, b"new")
    assert file.read_text() == "new"
    assert not file.is_symlink()
    assert at.is_symlink()
    assert names(tmp_path) == [*(f"link{k}" for k in range(links)), "there"]
    assert names(tmp_path / "there") == ["file"]


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_permissions_stay_and_a_new_file_has_the_usual_ones(tmp_path, mode):
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(mode)
    write_whole(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    (tmp_path / "usual").write_text("")
    write_whole(tmp_path / "y", b"")
    assert (tmp_path / "y").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_is_private_is_private_before_it_is_in_place(tmp_path, monkeypatch):
    (tmp_path / "x").write_text("old")
    (tmp_path / "x").chmod(0o600)
    modes = []
    monkeypatch.setattr(os, "fsync", lambda fd: modes.append(stat.S_IMODE(os.fstat(fd).st_mode)))
    write_whole(tmp_path / "x", b"new")
    assert modes[0] == 0o600


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("n" * 256, "File name too long"),
        ("folder", "it is not a file"),
        ("pipe", "it is not a file"),
        ("circle", "Too many levels of symbolic links"),
        ("nowhere/x", "nowhere: no such folder"),
        ("file/x", "file: no such folder"),
    ],
)
def test_what_cannot_be_written_is_told_and_left_alone(tmp_path, name, says):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")
    before = names(tmp_path)
    with pytest.raises(BadInput, match=f": cannot be written: .*{says}$"):
        write_whole(tmp_path / name, b"new")
    assert names(tmp_path) == before
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_a_step_that_fails_leaves_the_old_file_and_no_debris(tmp_path, monkeypatch, step):
    (tmp_path / "x").write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(BadInput, match="x: cannot be written: No space left on device"):
        write_whole(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_text() == "old"
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_process_killed_while_it_writes_leaves_the_old_file(tmp_path, step):
    (tmp_path / "x").write_text("old")
    code = f"import os, sys\nfrom lstm_ref.writing import write_whole\nos.{step} = lambda *_: os.kill(os.getpid(), 9)\n"
    code += "write_whole(sys.argv[1], bytes(10_000_000))"
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "x"], check=False).returncode == -signal.SIGKILL
    assert (tmp_path / "x").read_text() == "old"


def test_a_folder_or_a_file_without_permission_is_told(tmp_path, monkeypatch):
    (tmp_path / "x").write_text("old")
    for forbidden, says in ((tmp_path, "no permission to write in this folder"), (tmp_path / "x", "no permission")):
        monkeypatch.setattr(os, "access", lambda path, _, forbidden=forbidden: path != forbidden)  # root may all
        with pytest.raises(BadInput, match=says):
            write_whole(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_text() == "old"
