"""Judging folders of runs: the registered study, the control, looks, robustness, exact claims, what comes out."""

import json

import pytest
from synthetic_claim import CLAIM, METRIC, NOISE, rewrite, study_of, verdict, write_arm

from ablate import api
from ablate.studies.judge import as_plain


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


def test_the_ladder_says_how_stable_a_verdict_is(folder):
    for multiple, level in (("0.5", 3.5), ("2", 4.5)):
        suffix = f".optim.lr_ladder-{multiple}"
        lr = {"optim.lr": 0.001 * float(multiple)}
        write_arm(folder, f"bert{suffix}", 4.0, changes=lr)
        write_arm(folder, f"dynamic{suffix}", level, noise=NOISE[::-1], changes={"masking.copies": None, **lr})
        write_arm(folder, f"quarter{suffix}", 5.0, noise=NOISE**2, changes={"budget.amount": 5120, **lr})
    one = verdict(folder)
    assert one.verdict.verdict == "supported"
    assert one.stable == (1, 2)


def test_exact_claims_need_no_runs(tmp_path):
    exact = {"id": "e", "says": "s", "kind": "exact"}
    study = study_of([
        exact | {"contrast": {"check": "same_encoder", "arms": ["roberta", "bert"]}},
        exact | {"id": "f", "contrast": {"check": "kl_is_cross_entropy"}},
        exact | {"id": "g", "contrast": {"check": "distilbert_is_forty_percent_smaller"}},
    ])  # fmt: skip
    judged = api.judge(tmp_path, study)
    assert [one.verdict.verdict for one in judged.claims] == ["supported"] * 3
    assert "are 39.4 % fewer, which is 40 % to the precision" in judged.claims[2].verdict.reason
    assert "token types (False against True)" in judged.claims[0].verdict.reason


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
