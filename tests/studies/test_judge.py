"""Judging folders of runs: the registered study, the control, looks, robustness, exact claims, what comes out."""

import json

import pytest
from synthetic_claim import CLAIM, METRIC, NOISE, rewrite, study_of, verdict, write_arm

from ablate import api
from ablate.studies.judge import as_plain
from ablate.studies.study import read_study

ENCODERS = {"id": "e", "says": "s", "kind": "exact", "contrast": {"check": "same_encoder", "arms": ["roberta", "bert"]}}


def test_a_planted_effect_is_supported(folder):
    one = verdict(folder)
    assert one.verdict.verdict == "supported"
    assert one.verdict.estimate == pytest.approx(0.5)  # larger is better: nats saved
    assert one.registered is True
    assert one.seeds == (0, 1, 2, 3, 4)
    assert verdict(folder, study_of([CLAIM | {"contrast": "bert - dynamic"}])).verdict.estimate is None  # changed since


def test_the_registered_study_judges_by_default(folder):
    assert api.judge(folder).study.id == study_of().id


def test_without_a_separated_control_nothing_is_as_good(folder):
    claim = CLAIM | {"kind": "non_inferiority"}
    study = study_of([claim])
    (folder / "study.json").unlink()
    assert verdict(folder, study).verdict.verdict == "supported"
    rewrite(folder, "quarter", 4.0, changes={"budget.amount": 5120})
    one = verdict(folder, study).verdict
    assert one.verdict == "not testable"
    assert "no assay sensitivity" in one.reason


def test_a_planned_look_spends_its_share_of_alpha(folder):
    study = study_of(seeds=8, looks=[{"seeds": 5, "alpha": 0.02}, {"seeds": 8, "alpha": 0.03}])
    (folder / "study.json").unlink()
    judged = api.judge(folder, study)
    assert (judged.seeds, judged.alpha) == ((0, 1, 2, 3, 4), 0.02)
    assert judged.claims[0].verdict.alpha == 0.02


def write_ladder(folder, *variants, multiple=1.0, dynamic=3.5):
    """All arms again, with the overrides in the names of their folders and at a multiple of the learning rate."""
    suffix = "".join(f".{variant}" for variant in variants)
    lr = {"optim.lr": 0.001 * multiple}
    write_arm(folder, f"bert{suffix}", 4.0, changes=lr)
    write_arm(folder, f"dynamic{suffix}", dynamic, noise=NOISE[::-1], changes={"masking.copies": None, **lr})
    write_arm(folder, f"quarter{suffix}", 5.0, noise=NOISE**2, changes={"budget.amount": 5120, **lr})


def test_the_ladder_says_how_stable_a_verdict_is(folder):
    write_ladder(folder, "optim.lr_ladder-0.5", multiple=0.5)
    write_ladder(folder, "optim.lr_ladder-2", multiple=2, dynamic=4.5)
    one = verdict(folder)
    assert one.verdict.verdict == "supported"
    assert one.stable == (1, 2)


@pytest.mark.parametrize("other", ["model.layers-2", "scale.tokens-3000000.0"])
@pytest.mark.parametrize("own", [[], ["optim.lr_ladder-1.0"]], ids=["unnamed", "1.0"])
def test_under_another_override_the_verdict_is_that_at_the_arms_own_rate(tmp_path, other, own):
    write_ladder(tmp_path, *sorted([other, *own]))
    for multiple in (0.5, 2):
        ladder = f"optim.lr_ladder-{multiple}"
        write_ladder(tmp_path, *sorted([other, ladder]), multiple=multiple, dynamic=4.5)
    judged = api.judge(tmp_path, study_of())
    assert judged.variant == ".".join(sorted([other, *own]))
    assert judged.claims[0].verdict.verdict == "supported"
    assert judged.claims[0].stable == (0, 2)
    assert judged.notes == ()


def test_the_ladder_of_other_overrides_is_not_the_verdicts(folder):
    write_ladder(folder, "optim.lr_ladder-2", "scale.tokens-3000000.0", multiple=2, dynamic=4.5)
    judged = api.judge(folder, study_of())
    assert (judged.variant, judged.claims[0].stable) == ("", None)
    assert "not judged: optim.lr_ladder-2.scale.tokens-3000000.0" in judged.notes[0]


def test_without_runs_at_the_arms_own_rate_the_first_of_the_ladder_is_judged(tmp_path):
    write_ladder(tmp_path, "optim.lr_ladder-0.5", multiple=0.5)
    write_ladder(tmp_path, "optim.lr_ladder-2", multiple=2)
    judged = api.judge(tmp_path, study_of())
    assert (judged.variant, judged.claims[0].stable) == ("optim.lr_ladder-0.5", (1, 1))


def same_encoders(folder):
    """The verdict that roberta has bert's encoder, and why."""
    study = read_study({"name": "x", "baseline": "bert", "arms": ["bert", "roberta"], "seeds": 5,
                        "claims": [ENCODERS]})  # fmt: skip
    one = verdict(folder, study).verdict
    return one.verdict, one.reason


def test_exact_claims_need_no_runs(tmp_path):
    entropies = ENCODERS | {"id": "f", "contrast": {"check": "kl_is_cross_entropy"}}
    sizes = ENCODERS | {"id": "g", "contrast": {"check": "distilbert_is_forty_percent_smaller"}}
    judged = api.judge(tmp_path, study_of([ENCODERS, entropies, sizes]))
    assert [one.verdict.verdict for one in judged.claims] == ["supported"] * 3
    assert "are 39.4 % fewer, which is 40 % to the precision" in judged.claims[2].verdict.reason
    assert "token types (False against True)" in judged.claims[0].verdict.reason


@pytest.mark.parametrize("arm", ["bert", "roberta"])
def test_recipes_are_compared_before_all_of_their_arms_ran(tmp_path, arm):
    write_arm(tmp_path, arm, 4.0, changes={"model.width": 64})
    found, reason = same_encoders(tmp_path)
    assert found == "supported", reason
    assert "of width 256" in reason  # both composed, at the study's own scale


def test_recipes_that_ran_are_compared_once_all_of_their_arms_did(tmp_path):
    write_arm(tmp_path, "bert", 4.0)
    write_arm(tmp_path, "roberta", 3.9)
    assert "2 layers of width 128" in same_encoders(tmp_path)[1]
    rewrite(tmp_path, "roberta", 3.9, changes={"model.width": 64})
    assert same_encoders(tmp_path) == ("contradicted", "the encoders differ: model.width: 64 against 128")


def test_recipes_that_are_not_judged_are_not_compared(tmp_path):
    write_arm(tmp_path, "bert", 4.0)
    write_arm(tmp_path, "roberta", 3.9)
    write_arm(tmp_path, "roberta.model.layers-3", 3.9, changes={"model.layers": 3})
    found, reason = same_encoders(tmp_path)
    assert found == "supported", reason


def test_recipes_are_compared_by_what_their_labels_come_to(tmp_path):
    exps = tmp_path / "conf" / "exp"
    exps.mkdir(parents=True)
    for name, key in (("shared", "layers_multiple: 0.5"), ("stated", "layers: 1")):
        (exps / f"{name}.yaml").write_text(f"# @package _global_\nmodel:\n  {key}\n")
    claim = ENCODERS | {"contrast": {"check": "same_encoder", "arms": ["shared", "stated"]}}
    runs = tmp_path / "runs"
    runs.mkdir()
    one = api.judge(runs, study_of([claim]), config_dir=tmp_path / "conf").claims[0].verdict
    assert one.verdict == "supported", one.reason


def test_verdicts_are_json(folder, tmp_path):
    judged = api.judge(folder)
    api.write_verdicts(tmp_path / "out" / "verdicts.json", judged)
    plain = json.loads((tmp_path / "out" / "verdicts.json").read_text())
    assert plain == as_plain(judged)
    assert plain["study"] == "x"
    assert {"id", "says", "kind", "metric", "verdict", "estimate", "interval", "p", "p_holm", "n"} <= set(
        plain["claims"][0]
    )


def test_load_gives_a_row_per_run(folder):
    frame = api.load(folder)
    assert len(frame) == 15
    assert set(frame["arm"]) == {"bert", "dynamic", "quarter"}
    assert frame[METRIC].notna().all()
