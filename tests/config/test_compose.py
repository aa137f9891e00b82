"""Composing a command line: sweeps as Hydra expands them, and every mistake in one line."""
# what is tested here ends cfg's way

import itertools

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from ablate.config.compose import compose_jobs, compose_one, without_hydra
from ablate.config.paths import conf_dir
from ablate.errors import UserError

EXPS = {path.stem for path in (conf_dir() / "exp").glob("*.yaml")}


def refusal(*overrides, multirun=False, **options):
    """The one line with which a command line is refused."""
    with pytest.raises(UserError) as refused:
        compose_jobs(list(overrides), multirun=multirun, **options)
    line = str(refused.value)
    assert line and "\n" not in line and "Traceback" not in line
    return line


@pytest.mark.parametrize(
    ("override", "says", "nearest"),
    [
        ("+exp=no_nps", "exp=no_nps: no such option", "no_nsp"),
        ("+exp=robreta", "exp=robreta: no such option", "roberta"),
        ("model=smal", "model=smal: no such option", "small"),
        ("data=wikitext", "data=wikitext: no such option", "wikitext103"),
        ("masking=dynmic", "masking=dynmic: no such option", "dynamic"),
        ("tokenizer=wordpeice", "tokenizer=wordpeice: no such option", "wordpiece"),
        ("logger=wanb", "logger=wanb: no such option", "wandb"),
        ("seeed=3", "seeed: no such key", "seed"),
        ("optim.betsa=[0.9,0.98]", "optim.betsa: no such key", "optim.betas"),
        ("input.lenght=64", "input.lenght: no such key", "input.length"),
        ("~optim.momentun", "optim.momentun: no such key", "optim.momentum"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_ones(override, says, nearest):
    line = refusal(override)
    assert line.startswith(says)
    assert nearest in line.split("nearest: ")[1].split(";")[0].split(", ")


@pytest.mark.parametrize("group", ["exp", "model", "scale", "schedule", "input", "eval"])
def test_an_unknown_option_is_answered_with_all_options(group):
    line = refusal(f"{'+' if group == 'exp' else ''}{group}=xyzzy")
    options = {path.stem for path in (conf_dir() / group).glob("*.yaml")}
    assert set(line.split("options: ")[1].split(", ")) == options
    assert "nearest" not in line  # nothing is like it


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["data=text"], ["data.path", "needs a value"]),
        (["tokenizer=existing"], ["tokenizer.path", "needs a value"]),
        (["budget=seconds"], ["budget.amount", "needs a value"]),
        (["exp=no_nsp"], ["exp", "+exp=..."]),
        (["seed=0,1"], ["seed=0,1", "--multirun"]),
        (["seed"], ["'seed'", "missing EQUAL"]),
        (["model=3"], ["model=3"]),
        (["budget.multiple=much"], ["budget.multiple=much: 'much' is not a number"]),
        (["scale.tokens=many"], ["scale.tokens=many: 'many' is not a number"]),
        (["optim.lr_multiple=x"], ["optim.lr_multiple=x: 'x' is not a number"]),
        (["+exp=student_hard__budget_d4"], ["an arm of several is '+exp=[student_hard,budget_d4]'"]),
        (["+exp=student_hard__budget_d9"], ["no such option; nearest: student_hard"]),
        (["optim.lr=${scale.nope}"], ["scale.nope", "optim.lr"]),
        (["+model=tiny"], ["model"]),
        (["+exp="], ["exp", "no_nsp"]),
        (["study.name=[a"], ["[a"]),
    ],
)
def test_other_mistakes_are_one_line_that_names_them(overrides, says):
    line = refusal(*overrides)
    for part in says:
        assert part in line


def test_a_mistake_in_any_job_of_a_sweep_refuses_the_sweep():
    assert refusal("+exp=bert,no_nps", "seed=0,1", multirun=True).startswith("exp=no_nps: no such option")


def test_a_folder_of_groups_that_is_not_there(tmp_path):
    missing = tmp_path / "nowhere"
    assert refusal(config_dirs=(missing,)) == f"--config-dir {missing}: no such folder"


SWEEPS = [
    ["+exp=bert,no_nsp", "seed=0,1"],
    ["seed=range(0,3)", "+exp=bert,no_nsp"],
    ["optim.lr=choice(1e-3,2e-3)", "nsp=true", "masking=static,dynamic"],
    ["+exp=bert", "seed=3"],
    ["optim.betas=[0.9,0.98],[0.9,0.999]"],
    ["scale=smoke,laptop", "seed=1,0", "optim.lr_multiple=1,2"],
]


@pytest.mark.parametrize("overrides", SWEEPS)
def test_sweeps_expand_as_hydras_sweeper_expands_them(overrides):
    (expected,) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(overrides), None)
    assert [job.overrides for job in compose_jobs(overrides, multirun=True)] == expected


def test_a_sweep_is_the_product_with_the_last_override_fastest():
    jobs = compose_jobs(["+exp=bert,no_nsp", "seed=0,1,2"], multirun=True)
    expected = list(itertools.product([True, False], [0, 1, 2]))
    assert [(job.cfg.nsp, job.cfg.seed) for job in jobs] == expected


def test_glob_sweeps_over_the_options_of_a_group():
    jobs = compose_jobs(["+exp=glob(data_*)"], multirun=True)
    assert {job.overrides[0] for job in jobs} == {f"+exp={exp}" for exp in EXPS if exp.startswith("data_")}


def test_a_job_is_what_its_overrides_compose_alone():
    for job in compose_jobs(["+exp=bert,roberta", "scale=smoke", "seed=0,7"], multirun=True):
        assert without_hydra(job.cfg) == without_hydra(compose_one(job.overrides))


def test_a_job_sees_no_hydra_node():
    cfg = compose_one([])
    assert "hydra" in cfg and "hydra" not in without_hydra(cfg)
    assert "hydra" in cfg  # the original is left as it was


def test_a_users_folder_adds_options(tmp_path):
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp" / "mine.yaml").write_text("# @package _global_\nmasking:\n  rate: 0.3\n")
    assert compose_one(["+exp=mine"], config_dirs=(tmp_path,)).masking.rate == 0.3
    assert compose_one(["+exp=no_nsp"], config_dirs=(tmp_path,)).nsp is False
    assert "mine" in refusal("+exp=mien", config_dirs=(tmp_path,)).split("nearest: ")[1]
    assert "mine" not in refusal("+exp=mine").split("options: ")[1].split(", ")  # and is forgotten afterwards


def test_a_users_option_that_would_never_be_read_is_refused(tmp_path):
    (tmp_path / "exp").mkdir()
    path = tmp_path / "exp" / "no_nsp.yaml"
    path.write_bytes((conf_dir() / "exp" / "no_nsp.yaml").read_bytes())
    assert compose_one(["+exp=no_nsp"], config_dirs=(tmp_path,)).nsp is False  # the same: no harm
    path.write_text("# @package _global_\nmasking:\n  rate: 0.4\n")
    assert refusal("+exp=no_nsp", config_dirs=(tmp_path,)).startswith(f"{path}: ablate has its own exp/no_nsp.yaml")
