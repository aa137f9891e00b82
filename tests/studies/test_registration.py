"""What study.json says of a claim: changed, dropped, added, late; seeds added and dropped."""

import json
from datetime import timedelta

import pytest
from synthetic_claim import CLAIM, NOISE, study_of, verdict, write_arm
from synthetic_runs import STARTED

from ablate import api
from ablate.errors import UserError
from ablate.studies.registration import register


def test_claims_changed_after_the_runs_are_refused(folder):
    changed = study_of([CLAIM | {"margin": 0.2}])
    one = verdict(folder, changed)
    assert one.verdict.verdict == "not testable"
    assert "changed after its runs (margin: 0.05 -> 0.2)" in one.verdict.reason
    assert "changed after its runs (alpha: 0.05 -> 0.1)" in verdict(folder, study_of(alpha=0.1)).verdict.reason


def test_a_draft_that_was_replaced_before_the_runs_does_not_stand(folder):
    """The margin that stood when the runs began is the one that was registered last."""
    (folder / "study.json").unlink()
    wide, narrow = study_of(), study_of([CLAIM | {"margin": 0.01}])
    for study in (wide, narrow):
        register(folder, study, asked={})
    assert verdict(folder, narrow).registered is True
    assert verdict(folder, narrow).notes == ()
    one = verdict(folder, wide)
    assert (one.registered, one.verdict.verdict) == (False, "not testable")
    assert "changed after its runs (margin: 0.01 -> 0.05)" in one.verdict.reason
    entries = json.loads((folder / "study.json").read_text())["entries"]
    late = (STARTED + timedelta(days=3000)).isoformat()
    entries.append(entries[0] | {"registered": late})  # back to the draft, after the runs
    (folder / "study.json").write_text(json.dumps({"study": "x", "entries": entries}))
    assert verdict(folder, wide).verdict.verdict == "not testable"


def test_claims_dropped_after_the_runs_are_said(folder):
    """Holm over fewer claims is more lenient, so the family is part of what was decided."""
    (folder / "study.json").unlink()
    two = [CLAIM, CLAIM | {"id": "other", "contrast": "bert - dynamic"}]
    register(folder, study_of(two), asked={})
    assert verdict(folder, study_of(two)).notes == ()
    alone = verdict(folder, study_of())
    assert alone.verdict.verdict == "supported"
    assert alone.registered is True
    assert alone.notes == (
        "claims that shared its alpha when it was registered were dropped after runs had finished: other",
    )  # fmt: skip


def test_claims_added_after_the_runs_are_said_to_be(folder):
    study = study_of([CLAIM | {"id": "late"}])
    one = verdict(folder, study)
    assert one.registered is False
    assert one.verdict.verdict == "supported"
    assert "the claim is not in study.json: it came after the runs" in one.notes


def test_registered_too_late_is_said(tmp_path):
    made = tmp_path / "x"
    early = STARTED - timedelta(days=3000)
    write_arm(made, "bert", 4.0, started=early)
    write_arm(made, "dynamic", 3.5, noise=NOISE[::-1], changes={"masking.copies": None}, started=early)
    write_arm(made, "quarter", 5.0, noise=NOISE**2, changes={"budget.amount": 5120}, started=early)
    register(made, study_of(), asked={})
    assert verdict(made).registered is False
    assert verdict(made).notes == ("the claim was registered after its first run had finished",)


def test_registration_only_appends(tmp_path):
    register(tmp_path, study_of(), asked={"bert": [0]})
    register(tmp_path, study_of(), asked={"bert": [0]})
    first = json.loads((tmp_path / "study.json").read_text())["entries"]
    register(tmp_path, study_of(seeds=8), asked={"bert": [0, 7]})
    entries = json.loads((tmp_path / "study.json").read_text())["entries"]
    assert len(first) == 1
    assert entries[:1] == first
    assert len(entries) == 2
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(UserError, match=r"study\.json is corrupt"):
        api.judge(tmp_path)


def test_seeds_added_without_a_look_are_said(folder):
    write_arm(folder, "bert", 4.0, seeds=range(5, 7))
    write_arm(folder, "dynamic", 3.5, noise=NOISE[::-1], changes={"masking.copies": None}, seeds=range(5, 7))
    write_arm(folder, "quarter", 5.0, noise=NOISE**2, changes={"budget.amount": 5120}, seeds=range(5, 7))
    assert "seeds 5, 6 were run but are not the study's; they are left out" in api.judge(folder).notes
    assert verdict(folder).verdict.n == 5
    grown = verdict(folder, study_of(seeds=7))
    assert grown.verdict.n == 7
    assert "seeds 5, 6 were added after runs had finished, without a planned look" in grown.notes


def test_seeds_dropped_after_runs_are_said(folder):
    fewer = verdict(folder, study_of(seeds=3))
    assert fewer.verdict.n == 3
    assert "seeds 3, 4 were dropped after runs had finished, without a planned look" in fewer.notes


def test_seeds_exchanged_or_put_in_another_order_under_looks_are_said(folder):
    looks = [{"seeds": 2, "alpha": 0.02}, {"seeds": 4, "alpha": 0.03}]
    (folder / "study.json").unlink()
    register(folder, study_of(seeds=[0, 1, 2, 3], looks=looks), asked={})
    assert verdict(folder, study_of(seeds=[0, 1, 2, 3], looks=looks)).notes == ()
    exchanged = verdict(folder, study_of(seeds=[0, 2, 3, 4], looks=looks)).notes
    assert any("seeds 4 were added" in note and "seeds 1 were dropped" in note for note in exchanged)
    turned = verdict(folder, study_of(seeds=[3, 2, 1, 0], looks=looks)).notes
    assert any("the order of seeds, of which each look takes the first, was changed" in note for note in turned)
