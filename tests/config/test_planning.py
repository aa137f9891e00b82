"""Sweeps of studies: what they expand to, at what cost, and what a finished run is known by."""

import re
from dataclasses import replace

import pytest

from ablate.config import compose as composing
from ablate.config.compose import compose_jobs, without_hydra
from ablate.config.finished import is_finished, is_shared, shareable
from ablate.config.naming import arm_name, place_of
from ablate.config.packing import Planned, pack, unpack
from ablate.config.science import recipe
from ablate.config.studies import arm_recipes, named_study
from ablate.errors import UserError
from ablate.studies.confounds import check_recipes
from ablate.sweep import plan_jobs


def sweep(*overrides):
    return compose_jobs(list(overrides), multirun=True)


def test_a_study_expands_to_complete_seeds_first():
    jobs = sweep("+study=aa", "study.seeds=2")
    found = [(job.cfg.seed, arm_name(job.overrides)) for job in jobs]
    arms = ["bert", "replicate_1", "lr_d10", "budget_d4"]
    assert found == [(seed, arm) for seed in (0, 1) for arm in arms]
    assert jobs[2].cfg.optim.lr_multiple == 0.1
    assert jobs[0].cfg.optim.lr_multiple == 1


def test_seeds_of_the_command_line_are_complete_first_too():
    jobs = sweep("+study=aa", "+exp=bert,lr_d10", "seed=7,8")
    found = [(job.cfg.seed, arm_name(job.overrides)) for job in jobs]
    assert found == [(seed, arm) for seed in (7, 8) for arm in ("bert", "lr_d10")]


def test_texts_that_would_share_a_directory_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "books").mkdir(parents=True)
    with pytest.raises(UserError, match=r"data\.path=a/books,b/books: both would be multirun/"):
        plan_jobs(["data=text", "data.path=a/books,b/books"], multirun=True)


@pytest.mark.parametrize("empty", ["seed=range(3,3)", "+exp=glob(zz*)"])
def test_a_sweep_of_nothing_is_refused(empty):
    with pytest.raises(UserError, match=f"^{re.escape(empty)}: stands for no run"):
        plan_jobs([empty], multirun=True)


def test_the_command_line_narrows_a_study():
    jobs = sweep("+study=aa", "seed=7", "+exp=bert,lr_d10")
    assert [(job.cfg.seed, arm_name(job.overrides)) for job in jobs] == [(7, "bert"), (7, "lr_d10")]


def test_a_ladder_multiplies_every_arms_rate():
    jobs = sweep("+study=batch", "seed=0", "+exp=bert,batch_x4")
    names = [arm_name(job.overrides) for job in jobs]
    assert names == [
        "bert", "batch_x4", "bert.optim.lr_ladder-0.5", "batch_x4.optim.lr_ladder-0.5", "bert.optim.lr_ladder-2",
        "batch_x4.optim.lr_ladder-2",
    ]  # fmt: skip
    assert [job.cfg.optim.lr / jobs[0].cfg.optim.lr for job in jobs] == [1, 2, 0.5, 1, 2, 4]


def test_arms_that_combine_exps_are_named_by_them():
    assert arm_name(["+exp=[few_tokens,dynamic_masking]", "seed=1"]) == "few_tokens__dynamic_masking"
    (job,) = sweep("+study=masking", "seed=0", "+exp=[few_tokens,dynamic_masking]")
    assert job.cfg.masking.copies is None
    assert job.cfg.data.fraction == job.cfg.scale.few


def test_composing_by_seed_changes_nothing_but_the_seed():
    fast = sweep("+exp=no_nsp", "seed=0,3")[1].cfg
    slow = compose_jobs(["+exp=no_nsp", "seed=3"])[0].cfg
    assert (recipe(fast), fast.eval, fast.seed) == (recipe(slow), slow.eval, 3)


def test_a_hundred_jobs_are_composed_once_per_arm(monkeypatch):
    composed = []
    whole = composing.compose
    monkeypatch.setattr(
        composing, "compose", lambda name, given, **rest: composed.append(1) or whole(name, given, **rest)
    )
    assert len(sweep("+study=nsp", "study.seeds=15")) == 105
    assert len(composed) == 1 + 7  # the study's own sweep, and its arms


def test_a_packed_job_is_the_same_job(tmp_path):
    (job,) = compose_jobs(["+exp=roberta", "scale=smoke", f"hydra.sweep.dir={tmp_path}"])
    place = place_of(job.cfg, job.cfg.hydra, job.overrides, multirun=True)
    planned = Planned(job.cfg, place, tuple(job.overrides))
    back = unpack(pack(replace(planned, teacher=planned)))
    assert back.teacher is not None and back.teacher.cfg == back.cfg and back.teacher.teacher is None
    assert back.cfg == without_hydra(job.cfg)
    assert (back.place, back.overrides) == (planned.place, planned.overrides)


@pytest.mark.parametrize("change", [None, "optim.lr=0.5", "eval.chars=3000", "seed=1"])
def test_a_run_is_finished_only_as_it_was_asked_for(change, run_tiny, tiny, tmp_path):
    _, directory = run_tiny("eval.formats=[doc_sentences]")
    extra = [] if change is None else [change]
    (job,) = compose_jobs([*tiny, "eval.formats=[doc_sentences]", *extra, f"hydra.run.dir={tmp_path}"])
    place = place_of(job.cfg, job.cfg.hydra, [o for o in job.overrides if o not in extra], multirun=False)
    assert place.directory == directory or change == "seed=1"
    assert is_finished(Planned(job.cfg, place, tuple(job.overrides))) == (change is None)


@pytest.mark.parametrize("change", [None, "optim.lr=0.5", "eval.chars=3000", "seed=1", "data.refresh=true"])
def test_a_run_that_another_study_finished_is_shared(change, run_tiny, tiny, tmp_path):
    """Not trained again, also where it is asked something new."""
    run_tiny("eval.formats=[doc_sentences]")
    extra = [] if change is None else [change]
    (job,) = compose_jobs([*tiny, "eval.formats=[doc_sentences]", *extra, f"hydra.run.dir={tmp_path}"])
    place = replace(place_of(job.cfg, job.cfg.hydra, job.overrides, multirun=False), study="another")
    elsewhere = Planned(job.cfg, place, tuple(job.overrides))
    assert is_shared(elsewhere, shareable([tmp_path])) == (change in (None, "eval.chars=3000"))
    assert not is_finished(elsewhere) and not is_shared(elsewhere, shareable([tmp_path / "nowhere"]))


def test_a_users_own_switches_make_a_design(tmp_path):
    for group in ("exp", "study"):
        (tmp_path / group).mkdir()
    for name, text in (("hot", "optim: {lr_multiple: 3}"), ("wide", "model: {dropout: 0.0}")):
        (tmp_path / "exp" / f"{name}.yaml").write_text(f"# @package _global_\n{text}\n")
    (tmp_path / "study" / "mine.yaml").write_text(
        "# @package _global_\nstudy:\n  name: mine\n  baseline: bert\n  seeds: 2\n  design:\n    kind: factorial\n"
        "    switches: [hot, wide]\n    claims: {kind: superiority, metric: val/mlm_loss, "
        "factors: {hot: [learning_rate], wide: [model]}}\n"
    )
    jobs = plan_jobs(["+study=mine", "scale=smoke"], multirun=True, config_dirs=(tmp_path,))
    assert [job.place.arm for job in jobs] == ["bert", "hot", "wide", "hot__wide"] * 2
    assert jobs[3].cfg.optim.lr_multiple == 3
    assert jobs[3].cfg.model.dropout == 0.0
    study = named_study("mine", config_dirs=(tmp_path,))
    assert study == named_study(str(tmp_path / "study" / "mine.yaml"))
    assert named_study(str(tmp_path / "study" / "mine.yaml"), ["study.seeds=4"]).seeds == (0, 1, 2, 3)
    (tmp_path / "study" / "mine.yaml").rename(tmp_path / "alone.yaml")
    with pytest.raises(UserError, match=r"^study\.seeds=4: cannot be said of .*alone\.yaml"):
        named_study(str(tmp_path / "alone.yaml"), ["study.seeds=4"])
    check_recipes(study, arm_recipes(study, [], config_dirs=(tmp_path,)))


def test_a_file_among_groups_of_its_own_is_read_with_those_of_config_dir_too(tmp_path):
    for name, text in {
        "mine/study/both.yaml": "study: {name: both, include: [theirs]}",
        "shared/study/theirs.yaml": "study: {name: theirs, baseline: bert, arms: [bert, no_nsp], seeds: 2}",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(f"# @package _global_\n{text}\n")
    study = named_study(str(tmp_path / "mine" / "study" / "both.yaml"), config_dirs=(tmp_path / "shared",))
    assert [part.name for part in study.families] == ["theirs"]
    (tmp_path / "shared" / "study" / "both.yaml").write_text("# @package _global_\nstudy: {name: another}\n")
    again = named_study(str(tmp_path / "mine" / "study" / "both.yaml"), config_dirs=(tmp_path / "shared",))
    assert again == study  # the file that was named, whatever else has its name
