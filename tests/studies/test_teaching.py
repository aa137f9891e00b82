"""Claims about students are judged only where the teacher is shown to be worth learning from."""

from dataclasses import replace

import pytest
from synthetic_runs import write_run

from ablate.runs.collect import collect
from ablate.studies.judge import judge
from ablate.studies.study import read_study

STUDENT = {"teacher": {"recipe": "t0", "seed": "same", "keep": None}, "loss.soft": 1}


def a_study(**changes):
    claim = {"id": "soft", "says": "soft targets beat hard labels", "kind": "superiority", "metric": "val/mlm_loss",
             "contrast": "student_soft - student_hard", "factors": ["loss", "teacher"]}  # fmt: skip
    plain = {"name": "taught", "baseline": "student_hard", "arms": ["student_hard", "student_soft"], "seeds": 3,
             "claims": [{**claim, **changes}]}  # fmt: skip
    return read_study(plain)


def runs(tmp_path, *, teacher, hard=(5.0, 5.1, 4.9), soft=(4.5, 4.7, 4.4)):
    for seed in range(3):
        write_run(tmp_path, "student_hard", seed, {"val/mlm_loss": hard[seed], "train/seconds": 9.0 + seed})
        metrics = {"val/mlm_loss": soft[seed], "train/seconds": 12.5 + seed**2}
        if teacher is not None:
            metrics["teacher/mlm_loss"] = teacher[seed]
        write_run(tmp_path, "student_soft", seed, metrics, changes=STUDENT)
    return collect(tmp_path)


def verdict(study, found):
    (one,) = judge(study, found, recipes={}).claims
    return one.verdict


def test_a_good_teacher_lets_the_claim_be_judged(tmp_path):
    found = verdict(a_study(), runs(tmp_path, teacher=(3.9, 4.0, 3.95)))
    assert (found.verdict, found.n) == ("supported", 3)
    assert found.estimate == pytest.approx((0.5 + 0.4 + 0.5) / 3)


@pytest.mark.parametrize(
    ("teacher", "line"),
    [((5.0, 5.2, 4.8), "is not shown to be better than student_hard"), ((6.0, 6.1, 6.2), "lower by -1.1 nats"),
     (None, "fewer than two seeds say how good the teacher of student_soft is")],
)  # fmt: skip
def test_a_teacher_no_better_than_the_student_alone_makes_it_not_testable(tmp_path, teacher, line):
    found = verdict(a_study(), runs(tmp_path, teacher=teacher))
    assert found.verdict == "not testable" and line in found.reason and found.p is None


def test_a_look_asks_the_teacher_at_its_own_share_of_alpha(tmp_path):
    found = runs(tmp_path, teacher=(4.9, 5.02, 4.85))  # better than the student alone at p = .017
    assert verdict(a_study(), found).verdict == "supported"
    looks = [{"seeds": 2, "alpha": 0.01}, {"seeds": 3, "alpha": 0.01}]
    looked = verdict(replace(a_study(), looks=tuple(looks)), found)
    assert "is not shown to be better than student_hard" in looked.reason and looked.verdict == "not testable"


def test_without_the_student_alone_nothing_is_shown(tmp_path):
    found = runs(tmp_path, teacher=(3.9, 4.0, 3.95))
    for run in found:
        if run.arm == "student_hard":
            run.identity["model"]["layers"] = 7
    reason = verdict(a_study(factors=["loss", "teacher", "model"]), found).reason
    assert "no arm of the same model without one, such as student_hard" in reason


def test_what_distillation_costs_needs_no_good_teacher(tmp_path):
    study = a_study(metric="train/seconds", contrast="student_hard - student_soft")
    assert "teacher" not in verdict(study, runs(tmp_path, teacher=(6.0, 6.1, 6.2))).reason


@pytest.mark.parametrize("arms", [["low", "student_hard", "student_soft"], ["student_hard", "student_soft", "low"]])
def test_the_teacher_is_never_compared_with_the_control(tmp_path, arms):
    """Nor with a student that differs in more, wherever the study lists them."""
    runs(tmp_path, teacher=(5.4, 5.5, 5.45))
    for seed in range(3):
        write_run(tmp_path, "low", seed, {"val/mlm_loss": 9.0 + seed / 10}, changes={"optim.lr": 1e-9})
        write_run(tmp_path, "other", seed, {"val/mlm_loss": 9.0 + seed / 10}, changes={"optim.lr": 1e-9, "nsp": False})
    study = replace(a_study(), arms=("other", *arms), control="low")
    reason = verdict(study, collect(tmp_path)).reason
    assert "the teacher of student_soft is not shown to be better than student_hard" in reason
