"""What changed between two reports, and why: claims, runs, code, data, or the judge itself."""

import json
import shutil

import pytest
from synthetic_runs import edit
from synthetic_study import ARMS, write_arm_run

from ablate.report.archive import write_archive
from ablate.report.collect import read
from ablate.report.compare import compare
from ablate.studies.judge import write_verdicts


@pytest.fixture
def older(nsp, tmp_path):
    """What a report keeps, without its figures."""
    folder = tmp_path / "old"
    folder.mkdir()
    collected = read(nsp)
    write_archive(folder, collected.archive)
    write_verdicts(folder / "verdicts.json", collected.material.judgement)
    return folder


@pytest.fixture
def runs(nsp, tmp_path):
    """A copy of the runs, to be changed."""
    return shutil.copytree(nsp, tmp_path / "nsp")


def by_id(comparison):
    return {change.id: change for change in comparison.changes}


def test_nothing_changes_against_itself(older, runs):
    found = compare(read(runs), older)
    assert found.name == "old"
    assert found.general == ("the runs are the same",)
    assert not [change for change in found.changes if change.changed or change.why]


def test_changed_runs_are_named(older, runs):
    changes, score, loss = ARMS["doc_sentences"]
    shutil.rmtree(runs / "doc_sentences")
    for seed in range(5):
        write_arm_run(runs, "doc_sentences", seed, changes=changes | {"init.std": 0.06}, score=score - 0.1, loss=loss)
    shutil.rmtree(runs / "no_nsp" / "seed-3")
    found = compare(read(runs), older)
    inside = by_id(found)["inside_document_no_worse"]
    assert inside.changed and inside.now == "not testable"
    assert "runs of doc_sentences: 5 runs of another recipe" in inside.why
    assert "runs of no_nsp: 1 run gone" in by_id(found)["nsp_not_needed"].why
    assert by_id(found)["single_sentences_hurt"].why == ()


def test_other_numbers_of_the_same_recipe_are_seen(older, runs):
    path = runs / "bert" / "seed-0" / "result.json"
    metrics = json.loads(path.read_text())["metrics"]
    edit(path, metrics=metrics | {"embedded/mean": 0.1})
    assert "runs of bert: 1 run with other numbers" in by_id(compare(read(runs), older))["nsp_not_needed"].why


def test_a_value_that_is_no_number_is_the_same_in_both(runs, tmp_path):
    for path in runs.glob("bert/seed-*/result.json"):
        edit(path, metrics=json.loads(path.read_text())["metrics"] | {"mine/score": "nan"})
    (tmp_path / "undefined").mkdir()
    collected = read(runs)
    write_archive(tmp_path / "undefined", collected.archive)
    write_verdicts(tmp_path / "undefined" / "verdicts.json", collected.material.judgement)
    assert compare(read(runs), tmp_path / "undefined").general == ("the runs are the same",)


def test_changed_claims_are_named(older, runs, tmp_path):
    study = tmp_path / "mine.yaml"
    plain = json.loads((older / "runs.json").read_text())["study"]
    plain["claims"][0]["margin"] = 0.02
    plain["claims"][1]["id"] = "renamed"
    study.write_text(json.dumps({"study": plain}))
    found = by_id(compare(read(runs, study=str(study)), older))
    assert "claim: margin 0.01 -> 0.02" in found["nsp_not_needed"].why
    assert (found["renamed"].before, found["renamed"].why) == ("not there", ("the claim is new",))
    assert (found["nsp_not_needed_single"].now, found["nsp_not_needed_single"].why) == (
        "not there", ("the claim is gone",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dirty", "words"), [(False, ""), (True, ", changed"), (None, ", whether changed is not known")]
)
def test_other_code_and_data_are_said(dirty, words, older, runs):
    for path in runs.glob("*/seed-*/provenance.json"):
        plain = json.loads(path.read_text())
        plain["sessions"][0] |= {"git_sha": "f" * 40, "git_dirty": dirty}
        path.write_text(json.dumps(plain))
    (line,) = (line for line in compare(read(runs), older).general if line.startswith("code"))
    assert line == f"code: not known -> ffffffffffff{words}"


def test_runs_of_other_claims_and_of_the_control_are_named(older, runs):
    """A verdict rests on the family's other claims, through Holm, and on the control."""
    verdicts = json.loads((older / "verdicts.json").read_text())
    first = verdicts["claims"][0]
    kept = dict(first)
    first |= {"verdict": "inconclusive", "p_holm": 0.0574}
    (older / "verdicts.json").write_text(json.dumps(verdicts))
    (why,) = by_id(compare(read(runs), older))["nsp_not_needed"].why
    assert why.startswith("other claims of its family changed") and "p = .057 -> " in why
    first |= kept | {"verdict": "not testable"}
    (older / "verdicts.json").write_text(json.dumps(verdicts))
    path = runs / "budget_d4" / "seed-3" / "result.json"
    edit(path, metrics=json.loads(path.read_text())["metrics"] | {"embedded/mean": 0.3})
    (why,) = by_id(compare(read(runs), older))["nsp_not_needed"].why
    assert why == "runs of budget_d4: 1 run with other numbers"


def test_a_verdict_that_nothing_explains_is_the_judges(older, runs):
    verdicts = json.loads((older / "verdicts.json").read_text())
    verdicts["claims"][0]["verdict"] = "inconclusive"
    (older / "verdicts.json").write_text(json.dumps(verdicts))
    assert "the judge did" in by_id(compare(read(runs), older))["nsp_not_needed"].why[0]
    (older / "runs.json").unlink()
    found = compare(read(runs), older)
    assert "nothing says which runs" in by_id(found)["nsp_not_needed"].why[0]
    assert "no runs.json" in found.general[0]
