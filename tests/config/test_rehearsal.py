"""What is rehearsed before a study, and the costs that follow: evaluation is asked once, not by every arm."""

import pytest
from synthetic_runs import write_run

from ablate.config.rehearsal import rehearsals
from ablate.sweep import plan_jobs


def jobs_of(study, *overrides, root):
    return plan_jobs([f"+study={study}", "study.seeds=1", f"hydra.sweep.dir={root}", *overrides], multirun=True)


@pytest.mark.parametrize(("study", "arms", "kinds"), [("nsp", 7, 1), ("quick", 3, 1), ("roberta", 2, 2)])
def test_each_arm_is_rehearsed_without_evaluation_and_each_kind_once_with(study, arms, kinds, tmp_path):
    chosen = rehearsals(jobs_of(study, "scale=smoke", root=tmp_path), tmp_path, at_once=1)
    assert len(chosen.plain) == arms
    assert len(chosen.whole) == kinds
    for one in chosen.plain:
        assert not one.cfg.eval.formats
        assert not one.cfg.eval.tasks
    for job, one in chosen.whole:
        assert one.cfg.eval.formats == job.cfg.eval.formats
        assert one.cfg.eval.get("tasks") == job.cfg.eval.get("tasks")
    assert len({one.place.directory for one in chosen.all}) == arms + kinds
    assert all(
        one.cfg.budget.amount <= job.cfg.budget.amount for job, one in zip(chosen.arms, chosen.plain, strict=True)
    )


def test_evaluations_are_rehearsed_beside_as_many_as_will_run_at_a_time(tmp_path):
    jobs = jobs_of("quick", "scale=smoke", root=tmp_path)
    assert len(rehearsals(jobs, tmp_path, at_once=4).whole) == 4
    two_kinds = rehearsals(jobs_of("roberta", "scale=smoke", root=tmp_path), tmp_path, at_once=2)
    assert len(two_kinds.whole) == 2


def test_costs_by_hand(tmp_path):
    """A whole rehearsal of bert takes 60 s, its plain one 8 s, no_nsp's 10 s; each trains for 5 s."""
    jobs = jobs_of("nsp", "scale=smoke", "+exp=bert,no_nsp,budget_d4", root=tmp_path)
    chosen = rehearsals(jobs, tmp_path, at_once=2)
    used = {"train/seconds": 5.0, "train/tokens": 1000.0, "train/flops": 1e9}
    for one in chosen.all:
        write_run(one.place.root / one.place.study, one.place.arm, one.place.seed, used)
    took = {"bert": 8.0, "no_nsp": 10.0}
    costs = chosen.costs([50.0, 70.0, *(took.get(job.place.arm, 9.0) for job in chosen.arms)])
    assert costs["bert"].overhead == pytest.approx(60.0 - 5.0)
    assert costs["no_nsp"].overhead == pytest.approx(10.0 - 5.0 + (60.0 - 8.0))
    amount = chosen.arms[0].cfg.budget.amount
    assert costs["bert"].training == pytest.approx(amount * 5.0 / 1000.0)
    assert costs["budget_d4"].training == pytest.approx(costs["bert"].training / 4)
    assert costs["bert"].flops == pytest.approx(amount * 1e6)


def test_a_rehearsal_that_fails_names_the_arm(tmp_path):
    chosen = rehearsals(jobs_of("quick", "scale=smoke", root=tmp_path), tmp_path, at_once=1)
    with pytest.raises(Exception, match=r"^arm bert: its rehearsal failed: not finished"):
        chosen.costs([1.0] * len(chosen.all))
