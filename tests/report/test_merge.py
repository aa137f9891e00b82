"""Runs of one study in several places: another machine's seeds, an earlier report's runs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic_report import call
from synthetic_runs import write_run
from synthetic_study import fix_registration

from ablate.config.paths import conf_dir
from ablate.config.studies import named_study
from ablate.report.collect import read
from ablate.studies.registration import register


@pytest.fixture
def places(nsp, tmp_path):
    """A study of five seeds, of which one machine was asked for 0 to 2 and another one, later, for 3 and 4."""
    folders = tmp_path / "a" / "nsp", tmp_path / "b" / "nsp"
    for folder, seeds in zip(folders, ((0, 1, 2), (3, 4)), strict=True):
        shutil.copytree(nsp, folder, ignore=shutil.ignore_patterns(*(f"seed-{s}" for s in {*range(5)} - {*seeds})))
        registered(folder, seeds=seeds)
    plain = json.loads((folders[1] / "study.json").read_text())
    plain["entries"][0]["registered"] = "2031-01-01T00:00:00+00:00"
    (folders[1] / "study.json").write_text(json.dumps(plain))
    return folders


def registered(folder, *overrides, seeds):
    """Register the study in the folder as if nothing had been."""
    (folder / "study.json").unlink()
    study = named_study("nsp", list(overrides))
    register(folder, study, asked=dict.fromkeys(study.arms, seeds))
    fix_registration(folder)


def verdicts(folder):
    return json.loads((folder / "verdicts.json").read_text())


def test_two_machines_seeds_are_judged_as_one_study(nsp, places, report, tmp_path, capsys):
    assert call(*places, "--out", tmp_path / "both") == 0
    assert verdicts(tmp_path / "both") == verdicts(report)
    for name in ("runs.csv", "curves.csv", "tables/verdicts.md"):
        assert (tmp_path / "both" / name).read_text() == (report / name).read_text()
    assert call(tmp_path / "both") == 0  # again, from its own files
    assert verdicts(tmp_path / "both") == verdicts(report)


def test_the_same_registration_is_listed_once(places, tmp_path):
    assert call(*places, "--out", tmp_path / "both") == 0
    lines = (tmp_path / "both" / "report.md").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("- Registered: 20")]
    assert line.count("7 claims, seeds 0 to 4") == 1
    assert line.endswith("and 1 time more, last 2031-01-01T00:00:00+00:00")


def test_an_earlier_report_is_added_to_in_place(places, report, tmp_path):
    first, second = places
    kept = tmp_path / "reports" / "nsp"
    assert call(first, "--out", kept) == 0
    tested = [one for one in verdicts(kept)["claims"] if one["kind"] != "exact"]
    assert {one["verdict"] for one in tested} == {"not testable"}
    assert all("planned runs are not finished" in one["reason"] for one in tested)
    assert "| 21 done of 35 planned |" in (kept / "report.md").read_text()
    shutil.rmtree(first)
    assert call(kept, second) == 0
    assert verdicts(kept) == verdicts(report)
    assert "| 34 of 35 gave numbers |" in (kept / "report.md").read_text()


def test_a_run_that_two_places_have_counts_once(nsp, places, report, tmp_path):
    assert call(nsp, *places, "--out", tmp_path / "r") == 0
    assert verdicts(tmp_path / "r") == verdicts(report)
    assert call(report, nsp, "--out", tmp_path / "again") == 0  # an earlier report of the same folder changes nothing
    for name in ("report.md", "runs.json", "index.html"):
        assert (tmp_path / "again" / name).read_text() == (report / name).read_text()


def test_finished_comes_before_unfinished_whatever_the_order(places):
    first, second = places
    (run,) = first.glob("bert/seed-2")
    shutil.copytree(run, second / "bert" / "seed-2")
    (run / "result.json").unlink()
    for order in (places, places[::-1]):
        (found,) = (r for r in read(*order).archive.runs if (r.arm, r.seed) == ("bert", 2))
        assert (found.state, found.directory) == ("done", second / "bert" / "seed-2")
        curves = read(*order).archive.curves
        rows = curves[(curves["arm"] == "bert") & (curves["seed"] == 2)]
        assert not rows["step"].duplicated().any()


def test_seeds_are_those_of_all_places(places):
    """Places that each registered their seeds as the study's had decided on all of them, if before the first run."""
    registered(places[0], "study.seeds=3", seeds=(0, 1, 2))
    registered(places[1], "study.seeds=[3,4]", seeds=(3, 4))
    read_both = read(*places)
    assert read_both.archive.study.seeds == (0, 1, 2, 3, 4)
    claim = first_claim(read_both)
    assert claim.seeds == (0, 1, 2, 4)  # one pair diverged
    assert claim.registered is True
    assert not any("added" in note or "dropped" in note for note in claim.notes)


def test_seeds_that_a_place_registered_late_are_said(places):
    registered(places[0], "study.seeds=3", seeds=(0, 1, 2))
    assert any("seeds 3, 4 were added after runs had finished" in note for note in first_claim(read(*places)).notes)


def test_another_decision_elsewhere_is_said(places):
    registered(places[0], "study.alpha=0.1", seeds=(0, 1, 2))
    registered(places[1], seeds=(3, 4))
    claim = first_claim(read(*places))
    assert "in another place the claim was registered otherwise (alpha: 0.1 -> 0.05)" in "; ".join(claim.notes)


def test_a_study_may_be_named_for_all(nsp, places, tmp_path):
    kept = tmp_path / "r"
    assert call(places[0], "--out", kept) == 0
    mine = tmp_path / "mine.yaml"
    mine.write_text((conf_dir() / "study" / "nsp.yaml").read_text().replace("name: nsp", "name: mine"))
    assert read(kept, places[1], study=str(mine)).archive.study.name == "mine"


def test_sentences_name_runs_of_every_place_alike(places, monkeypatch):
    """One place's path may be the end of another's."""
    first, second = places
    monkeypatch.chdir(first.parent.parent)
    inner = first.parent / "b" / "nsp"
    shutil.copytree(second, inner)
    (inner / "bert" / "seed-3" / "result.json").write_text("{")
    said = " ".join(read(Path("b/nsp"), inner).material.judgement.notes)
    assert "b/nsp" not in said


def test_a_report_that_keeps_runs_is_not_overwritten_without_them(answer, places, report, tmp_path):
    kept = tmp_path / "kept"
    assert call(*places, "--out", kept) == 0
    before = (kept / "runs.json").read_bytes()
    done = answer(str(places[1]), "--out", str(kept), module="ablate.report")
    assert done.returncode == 2, done.stderr
    assert f"--out {kept}: the report there keeps 21 finished runs that these sources lack (bert/seed-0" in done.stderr
    assert (kept / "runs.json").read_bytes() == before
    page = (kept / "report.md").read_text()
    assert "python -m ablate.report multirun/nsp" not in page  # which has some of the runs only
    assert "python -m ablate.report multirun/nsp" in (report / "report.md").read_text()


def test_predictions_are_read_from_runs_and_reports_alike(tmp_path):
    """Examples are crossed with seeds, wherever their predictions lie."""
    folders = [tmp_path / name / "s" for name in ("all", "a", "b")]
    study = named_study(str(written_study(tmp_path)))
    for folder, seeds in zip(folders, (range(5), range(2), range(2, 5)), strict=True):
        register(folder, study, asked={"bert": seeds, "no_nsp": seeds})
        for seed in seeds:
            for arm, share in (("bert", 0.6), ("no_nsp", 0.8)):
                with_predictions(folder, arm, seed, share)
    assert call(folders[1], "--out", tmp_path / "kept") == 0
    shutil.rmtree(folders[1])
    whole, both = read(folders[0]), read(tmp_path / "kept", folders[2])
    assert first_claim(whole).verdict.method == "crossed seeds x examples"
    assert first_claim(both).verdict == first_claim(whole).verdict


def written_study(folder):
    path = folder / "s.yaml"
    path.write_text("""
study:
  name: s
  baseline: bert
  arms: [bert, no_nsp]
  seeds: 5
  claims:
    - {id: better, says: x, kind: superiority, contrast: no_nsp - bert, metric: topic/accuracy, factors: [nsp]}
""")
    return path


def with_predictions(folder, arm, seed, share):
    """A run of the task `topic` that is right on about so many of 60 examples."""
    right = np.random.default_rng([seed, len(arm)]).random(60) < share
    changes = {"nsp": False, "loss.nsp": False} if arm == "no_nsp" else {}
    run = write_run(folder, arm, seed, {"topic/accuracy": float(right.mean())}, changes=changes)
    (run / "predictions").mkdir()
    pd.DataFrame({
        "id": [f"e{i}" for i in range(60)], "label": 1, "prediction": right.astype(int), "score": 0.5,
        "finetuning_seed": 0,
    }).to_parquet(run / "predictions" / "topic.parquet")  # fmt: skip


def first_claim(collected):
    return collected.material.judgement.claims[0]


def other_numbers(first, second):
    shutil.copytree(first / "bert" / "seed-0", second / "bert" / "seed-0")
    path = second / "bert" / "seed-0" / "result.json"
    plain = json.loads(path.read_text())
    plain["metrics"]["embedded/mean"] += 0.001
    path.write_text(json.dumps(plain))


def other_recipe(_, second):
    write_run(second, "bert", 0, {"embedded/mean": 0.7}, changes={"model.width": 64})


def other_scale(_, second):
    for path in second.glob("*/*/.hydra/config.yaml"):
        path.write_text("scale: {name: gpu}\ndata: {name: pydocs}\n")


def other_study(_, second):
    (second / "study.json").unlink()
    register(second, named_study("masking"), asked={})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (other_numbers, "bert seed 0 is finished in {0} and in {1}, with other numbers (embedded/mean "),
        (other_recipe, "bert seed 0 is finished in {0} and in {1}, as other recipes; a run counts once"),
        (other_scale, "{1}: was run with scale=gpu, {0} with scale=laptop"),
        (other_study, "{1}: is of study masking, {0} of nsp"),
    ],
)
def test_what_does_not_belong_together_is_refused(answer, places, spoil, words):
    spoil(*places)
    done = answer(*map(str, places), module="ablate.report")
    assert done.returncode == 2, done.stderr
    assert words.format(*places) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_others_results_are_judged_alone(answer, places, tmp_path):
    (tmp_path / "x.csv").write_text("arm,seed,metric,value\nbert,0,embedded/mean,0.5\n")
    done = answer(str(places[0]), str(tmp_path / "x.csv"), "--study", "nsp", module="ablate.report")
    assert done.returncode == 2, done.stderr
    assert "x.csv: others' results are judged alone" in done.stderr
