"""The same runs give the same bytes: in any process, from the runs or from what an earlier report kept of them."""

import json
from pathlib import Path

import pytest

from ablate.report.collect import read
from ablate.report.page import render_markdown, view

GOLDEN = Path(__file__).parent / "golden.md"


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def again(nsp, report, tmp_path_factory):
    """Two more reports by other processes with other hash seeds: from the runs, and from the first report."""
    import subprocess
    import sys

    from conftest import environment_of

    folders = []
    for source, seed in ((nsp, "1"), (report, "2")):
        where = tmp_path_factory.mktemp("elsewhere")
        done = subprocess.run(
            [sys.executable, "-m", "ablate.report", str(source), "--out", "again"], cwd=where, capture_output=True,
            text=True, env=environment_of(PYTHONHASHSEED=seed),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        folders.append(where / "again")
    return folders


def test_reports_are_byte_identical_across_processes_and_from_their_own_files(report, again):
    first = contents(report)
    assert {"index.html", "report.md", "verdicts.json", "runs.json", "runs.csv", "curves.csv"} <= set(first)
    for folder in again:
        other = contents(folder)
        assert list(other) == list(first)
        assert [name for name in first if first[name] != other[name]] == []


def test_nothing_says_where_the_files_lay(nsp, report):
    for name, data in contents(report).items():
        assert str(nsp.parent).encode() not in data, name
        assert b"/somewhere/else" not in data, name
    assert "hydra.sweep.dir=..." in (report / "report.md").read_text()


def test_the_markdown_is_as_it_was(nsp):
    """Guards what is said; figures and tables have tests of their own. Rewrite golden.md when the change is meant."""
    said = render_markdown(view(read(nsp), [], None), [])
    assert said == GOLDEN.read_text()


def test_the_kept_runs_give_the_same_judgement(nsp, report):
    first, second = read(nsp), read(report)
    assert second.material.judgement == first.material.judgement
    assert second.material.changes == first.material.changes
    assert second.material.descriptions == first.material.descriptions
    assert second.material.curves.equals(first.material.curves)
    assert read(report / "runs.json").archive.runs == second.archive.runs


def test_the_tidy_csv_gives_the_same_numbers_and_says_what_is_lost(report):
    kept = json.loads((report / "verdicts.json").read_text())
    foreign = read(report / "runs.csv", study="nsp")
    judged = {one.claim.id: one for one in foreign.material.judgement.claims}
    for claim in kept["claims"]:
        one = judged[claim["id"]]
        assert one.verdict.verdict == claim["verdict"]
        assert one.verdict.estimate == pytest.approx(claim["estimate"], rel=1e-9)
        assert one.registered is None
        assert any("nothing is known of recipes" in note for note in one.notes)
