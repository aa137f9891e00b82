"""Runs of one study in several places: another machine's seeds, an earlier report's runs."""

import json
import shutil

import pytest
from synthetic_study import fix_registration

from ablate.config.studies import named_study
from ablate.report.__main__ import build_parser
from ablate.report.__main__ import report as run_report
from ablate.report.collect import read
from ablate.studies.registration import register


def call(*arguments):
    """The command in this process; its exit code."""
    return run_report(build_parser().parse_intermixed_args([str(one) for one in arguments]))


@pytest.fixture
def places(nsp, tmp_path):
    """Two folders: seeds 0 to 2 of a study that was registered with five, and its seeds 3 and 4 alone."""
    first, second = tmp_path / "a" / "nsp", tmp_path / "b" / "nsp"
    for folder, left_out in ((first, (3, 4)), (second, (0, 1, 2))):
        shutil.copytree(nsp, folder)
        for seed in left_out:
            for run in folder.glob(f"*/seed-{seed}"):
                shutil.rmtree(run)
    (second / "study.json").unlink()
    study = named_study("nsp", ["study.seeds=[3,4]"])
    register(second, study, asked=dict.fromkeys(study.arms, (3, 4)))
    fix_registration(second)
    return first, second


def verdicts(folder):
    return json.loads((folder / "verdicts.json").read_text())


def test_two_machines_seeds_are_judged_as_one_study(nsp, places, report, tmp_path, capsys):
    assert call(*places, "--out", tmp_path / "both") == 0
    assert verdicts(tmp_path / "both") == verdicts(report)
    for name in ("runs.csv", "curves.csv", "tables/verdicts.md"):
        assert (tmp_path / "both" / name).read_text() == (report / name).read_text()
    assert call(tmp_path / "both") == 0  # again, from its own files
    assert verdicts(tmp_path / "both") == verdicts(report)


def test_an_earlier_report_is_added_to_in_place(places, report, tmp_path):
    first, second = places
    kept = tmp_path / "reports" / "nsp"
    assert call(first, "--out", kept) == 0
    tested = [one for one in verdicts(kept)["claims"] if one["kind"] != "exact"]
    assert {one["verdict"] for one in tested} == {"not testable"}
    assert all("planned runs are not finished" in one["reason"] for one in tested)
    shutil.rmtree(first)
    assert call(kept, second) == 0
    assert verdicts(kept) == verdicts(report)


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


def test_seeds_are_those_of_all_places(places, tmp_path):
    first, second = places
    (first / "study.json").unlink()
    register(first, named_study("nsp", ["study.seeds=3"]), asked={"bert": (0, 1, 2)})
    fix_registration(first)
    read_both = read(first, second)
    assert read_both.archive.study.seeds == (0, 1, 2, 3, 4)
    (claim,) = (one for one in read_both.material.judgement.claims if one.claim.id == "nsp_not_needed")
    assert claim.seeds == (0, 1, 2, 4)  # one pair diverged


def other_numbers(first, second):
    shutil.copytree(first / "bert" / "seed-0", second / "bert" / "seed-0")
    path = second / "bert" / "seed-0" / "result.json"
    plain = json.loads(path.read_text())
    plain["metrics"]["embedded/mean"] += 0.001
    path.write_text(json.dumps(plain))


def other_scale(_, second):
    for path in second.glob("*/*/.hydra/config.yaml"):
        path.write_text("scale: {name: gpu}\ndata: {name: pydocs}\n")


def other_study(_, second):
    (second / "study.json").unlink()
    register(second, named_study("masking"), asked={})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (other_numbers, "bert seed 0 is finished in {0} and in {1}, with other numbers; a run counts once"),
        (other_scale, "{1}: was run with scale=gpu data=pydocs, {0} with scale=laptop data=pydocs"),
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
