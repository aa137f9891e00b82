"""Studies that include others: what is read of their files, what is refused, and the sweep of shared runs."""

import re

import pytest

from ablate.config.compose import compose_jobs
from ablate.config.including import with_included
from ablate.config.naming import arm_name
from ablate.config.science import recipe
from ablate.config.studies import named_study
from ablate.config.sweeping import sweeps
from ablate.errors import UserError
from ablate.sweep import plan_jobs

PAPERS = named_study("papers")


def sweep(*overrides, **more):
    return compose_jobs(list(overrides), multirun=True, **more)


def overrides_of(path, text):
    (path / "study").mkdir()
    (path / "study" / "mine.yaml").write_text(f"# @package _global_\n{text}\nstudy: {{name: mine}}\n")
    return with_included({"name": "all", "include": ["mine"]}, config_dirs=[path])["include"][0]["overrides"]


def test_what_a_file_sets_for_its_arms_comes_with_them(tmp_path):
    text = "defaults: [{override /budget: bytes}, {override /eval: probe}, _self_]\noptim: {lr: 0.5}\nnsp: false"
    assert overrides_of(tmp_path, text) == {"budget": "bytes", "optim.lr": "0.5", "nsp": "false"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scale: {length: 16}", "include=mine: its file sets scale, which cannot be set for its arms only"),
        ("defaults: [{override /data: text}]", "its defaults have {'override /data': 'text'}, which cannot"),
        ("defaults: [nsp]", "its defaults have nsp, which cannot"),
    ],
)
def test_what_cannot_be_set_for_some_arms_is_refused(tmp_path, text, words):
    with pytest.raises(UserError) as caught:
        overrides_of(tmp_path, text)
    assert words in str(caught.value)


def test_an_unknown_study_is_one_line():
    with pytest.raises(UserError, match=r"include=nps: no such study; nearest: nsp.*; studies: aa, batch") as caught:
        with_included({"include": ["nps"]})
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="include=nps: no such study"):
        sweep("+study=papers", "study.include=[nsp,nps]")


def test_a_file_of_a_study_may_include_others(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("study: {name: mine, include: [nsp, budget], seeds: 3}\n")
    study = named_study(str(path))
    assert [part.name for part in study.families] == ["nsp", "budget"]
    assert study.seeds == (0, 1, 2)


def test_the_papers_share_their_runs():
    """Arms that several studies name are run once; learning rates are varied where a study asks for it."""
    jobs = sweep("+study=papers", "scale=smoke", "study.seeds=2", "study.include=[batch,text_encoding,budget]")
    names = [(job.cfg.seed, arm_name(job.overrides)) for job in jobs]
    assert len(set(names)) == len(names)
    apart = [named_study(name, ["study.seeds=2"]) for name in ("batch", "text_encoding", "budget")]
    alone = [2 * len(study.arms) * (1 + len(study.robustness)) for study in apart]
    assert len(names) == sum(alone) - 2  # bert is in two of them
    plain = [name for name in names if "lr_ladder" not in name[1]]
    assert names[: len(plain)] == plain  # the ladder comes last
    assert [seed for seed, _ in plain] == [0] * (len(plain) // 2) + [1] * (len(plain) // 2)  # complete seeds first
    ladder = {name.partition(".")[0] for _, name in names[len(plain) :]}
    assert ladder == set(named_study("batch").arms)


def test_every_arm_of_the_papers_is_asked_for_once():
    planned = [
        arm for one in sweeps(PAPERS) if "optim.lr_ladder" not in one
        for arm in re.findall(r"\[.+?\]|[^,]+", one["+exp"])
    ]  # fmt: skip
    assert len(PAPERS.arms) < sum(len(part.arms) for part in PAPERS.families)
    assert len(set(planned)) == len(planned)
    assert {"budget_x2", "[few_tokens,budget_x2]"} < set(planned)
    assert {part.name: dict(part.overrides) for part in PAPERS.families if part.overrides} == {
        "text_encoding": {"budget": "bytes"}
    }


def test_the_command_line_narrows_a_study_of_studies():
    jobs = sweep("+study=papers", "scale=smoke", "seed=7", "+exp=no_nsp,cased,batch_x4")
    assert [(job.cfg.seed, arm_name(job.overrides)) for job in jobs] == [
        (7, "no_nsp"), (7, "batch_x4"), (7, "cased.budget-bytes"), (7, "batch_x4.optim.lr_ladder-0.5"),
        (7, "batch_x4.optim.lr_ladder-2"),
    ]  # fmt: skip


@pytest.mark.parametrize("study", ["text_encoding", "distillation"])
def test_an_arm_is_the_recipe_that_its_own_study_trains(study):
    part = next(one for one in PAPERS.families if one.name == study)
    asked = ["scale=smoke", "seed=0", f"+exp={part.arms[-2]}"]
    (ours,), (theirs,) = (plan_jobs([f"+study={name}", *asked], multirun=True) for name in ("papers", study))
    assert recipe(ours.cfg) == recipe(theirs.cfg)


def test_the_papers_are_asked_what_each_study_asks():
    """One evaluation for all runs: it holds every task, the probe and the costs that the claims are about."""
    (ours,) = compose_jobs(["+study=papers", "scale=smoke"])
    for part in PAPERS.families:
        (theirs,) = compose_jobs([f"+study={part.name}", "scale=smoke"])
        asked = theirs.cfg.eval
        assert set(asked.get("tasks", ())) <= set(ours.cfg.eval.tasks)
        assert asked.get("probe", False) <= ours.cfg.eval.probe
        assert asked.get("efficiency", False) <= ours.cfg.eval.efficiency
        fine_tuned = asked.get("finetuning", {}).get("seeds", 0)
        assert fine_tuned <= ours.cfg.eval.finetuning.seeds
