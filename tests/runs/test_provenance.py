"""Which commit a run says it is of."""

import subprocess

from ablate.runs import provenance
from ablate.runs.provenance import git_state


def git(folder, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True, text=True).stdout


def test_the_commit_is_that_of_the_checkout_that_holds_the_code(tmp_path):
    (tmp_path / "package").mkdir()
    ours = tmp_path / "package" / "code.py"
    ours.write_text("x = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    sha = git(tmp_path, "rev-parse", "HEAD").strip()
    assert git_state(ours) == {"git_sha": sha, "git_dirty": False}
    ours.write_text("x = 2\n")
    assert git_state(ours) == {"git_sha": sha, "git_dirty": True}


def test_code_installed_inside_anothers_checkout_is_not_of_it(tmp_path):
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "theirs")
    (tmp_path / ".venv").mkdir()
    installed = tmp_path / ".venv" / "code.py"
    installed.write_text("x = 1\n")
    assert git_state(installed) == {"git_sha": None, "git_dirty": None}
    assert git_state(tmp_path / "nowhere" / "code.py")["git_sha"] is None


def test_changes_are_not_known_where_git_does_not_answer(monkeypatch):
    answers = {"ls-files": "code.py", "rev-parse": "abc", "status": None}  # as after its timeout
    monkeypatch.setattr(provenance, "_git", lambda folder, command, *rest: answers[command])
    assert git_state() == {"git_sha": "abc", "git_dirty": None}
