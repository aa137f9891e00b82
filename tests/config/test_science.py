"""The run id: it hashes the recipe and nothing else."""
# what is tested here ends cfg's way

import random

import pytest
from omegaconf import OmegaConf, open_dict

from ablate.config.compose import compose_one, without_hydra
from ablate.config.science import LABELS, SCIENCE, difference, digest, evaluation_id, flatten, identity, recipe
from ablate.training.precision import Numerics

DATA = {"fingerprint": "f" * 16, "corpus": "c" * 16, "numerics": Numerics("32-true", 16)}
BASES = {
    "bert": [],
    "adamw": ["optim=adamw", "scale=paper"],
    "dynamic": ["masking=dynamic", "schedule=constant"],
    "roberta": ["+exp=roberta", "scale=smoke", "budget=updates"],
    "flops": ["budget=flops", "model=base"],
}


def run_id(cfg, **data):
    """The run id of a config on a given corpus."""
    return digest(identity(cfg, **{**DATA, **data}))


def changed(cfg, key, value):
    """The config with one key set; keys that follow from it follow."""
    copy = without_hydra(cfg)
    with open_dict(copy):
        OmegaConf.update(copy, key, value, merge=False, force_add=True)
    return copy


def another(value):
    """A different value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, list):
        return [*value, 0.5]
    return f"{value}x"


def leaves(cfg):
    """Every key of the recipe that the run id should notice."""
    for key, value in flatten({name: OmegaConf.to_container(cfg, resolve=True)[name] for name in SCIENCE}).items():
        is_label = key.split(".")[-1] in LABELS and key.split(".")[0] in ("model", "input", "budget", "optim")
        known_by_content = key.startswith(("data.", "teacher.")) and key != "data.fraction"
        if not is_label and not known_by_content:
            yield key, value


@pytest.mark.parametrize("overrides", BASES.values(), ids=BASES)
def test_every_scientific_key_changes_it(overrides):
    cfg = compose_one(overrides)
    ids = {key: run_id(changed(cfg, key, another(value))) for key, value in leaves(cfg)}
    assert len(ids) > 30
    unnoticed = [key for key, changed_id in ids.items() if changed_id == run_id(cfg)]
    assert not unnoticed
    assert len(set(ids.values())) == len(ids)  # and no two changes look alike


@pytest.mark.parametrize(
    "key",
    ["budget.multiple", "optim.batch_multiple", "optim.lr_multiple", "scale.length", "scale.tokens", "scale.batch",
     "scale.lr", "scale.muon_lr", "scale.warmup", "scale.vocab_size"],
)  # fmt: skip
def test_a_key_that_others_follow_from_changes_it(key):
    cfg = compose_one([])
    assert run_id(changed(cfg, key, OmegaConf.select(cfg, key) * 2)) != run_id(cfg)


def test_the_teacher_is_known_by_what_it_is():
    cfg = compose_one([])
    none, one = (digest(identity(cfg, **DATA, teacher=teacher)) for teacher in (None, {"run_id": "a" * 16}))
    other = digest(identity(cfg, **DATA, teacher={"run_id": "b" * 16}))
    assert len({none, one, other}) == 3


@pytest.mark.parametrize(
    "other",
    [{"fingerprint": "another"}, {"corpus": "another"}, {"numerics": Numerics("bf16-mixed", 16)},
     {"numerics": Numerics("32-true", 64)}],
)  # fmt: skip
def test_corpus_tokens_and_numerics_change_it(other):
    cfg = compose_one([])
    assert run_id(cfg, **other) != run_id(cfg)


def test_the_seed_changes_it():
    cfg = compose_one([])
    assert len({run_id(changed(cfg, "seed", seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize(
    ("key", "value"),
    [("arm.description", "another"), ("arm.source", "another"), ("study.name", "another"), ("scale.name", "another"),
     ("model.name", "another"), ("input.format", "another"), ("cache", "/elsewhere"), ("data.cache", "/elsewhere"),
     ("data.name", "another"), ("data._target_", "my.Source"), ("data.path", "/elsewhere"),
     ("tokenizer.path", "/elsewhere"),
     ("logger", {"_target_": "pytorch_lightning.loggers.WandbLogger", "project": "p"}),
     ("eval.chars", 1),
     ("eval.formats", ["segment_pair"]), ("eval.length", 8), ("eval.metrics", [{"_target_": "a.b"}])],
)  # fmt: skip
def test_names_paths_loggers_and_evaluation_do_not(key, value):
    cfg = compose_one([])
    assert run_id(changed(cfg, key, value)) == run_id(cfg)


def test_no_trainer_setting_changes_it():
    cfg = compose_one([])
    for key, value in OmegaConf.to_container(cfg.trainer).items():
        assert run_id(changed(cfg, f"trainer.{key}", another(value))) == run_id(cfg)


def test_labels_of_a_users_own_target_are_arguments_like_any_other():
    cfg = changed(compose_one([]), "model", {"_target_": "my.Model", "name": "a", "max_length": 512})
    assert run_id(changed(cfg, "model.name", "b")) != run_id(cfg)


def test_the_order_of_keys_and_one_against_one_point_nought_do_not():
    def shuffled(value):
        if not isinstance(value, dict):
            return value
        keys = random.Random(1).sample(list(value), len(value))
        return {key: shuffled(value[key]) for key in keys}

    cfg = compose_one([])
    what = identity(cfg, **DATA)
    assert list(shuffled(what)) != list(what) and digest(shuffled(what)) == digest(what)
    for key, value in leaves(cfg):
        if isinstance(value, int) and not isinstance(value, bool):
            assert run_id(changed(cfg, key, float(value))) == run_id(cfg), key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([], ["+exp=bert"]),
        ([], ["+exp=static_masking"]),
        (["optim.batch_multiple=2", "optim.lr_multiple=1.4142"], ["+exp=batch_x2"]),
        (["optim.batch_tokens=4096", "optim.lr_multiple=1.4142"], ["+exp=batch_x2"]),
        (["budget.multiple=2"], ["+exp=budget_x2"]),
        (["budget.amount=8000000"], ["+exp=budget_x2"]),
        (["budget=updates", "scale.tokens=100000", "scale.batch=10"], ["budget=updates", "budget.multiple=2",
          "scale.tokens=50000", "scale.batch=10"]),
        (["nsp=false"], ["+exp=no_nsp"]),
        (["model=mini_l2"], ["model=mini", "model.layers=2"]),
    ],
)  # fmt: skip
def test_recipes_that_differ_only_in_labels_share_it(one, other):
    assert run_id(compose_one(one)) == run_id(compose_one(other))


def test_it_is_sixteen_hex_digits_that_never_change_for_the_same_value():
    value = {"a": [1, 2.5, None, True, "x"], "b": {"c": 1.0}}
    assert digest(value) == digest(value) and len(digest(value)) == 16 and int(digest(value), 16) >= 0
    assert digest({"a": 1}) != digest({"a": "1"}) != digest({"a": True})


def test_the_evaluation_id_follows_the_questions_and_not_the_recipe():
    def asked(cfg, fingerprint="f"):
        return evaluation_id(cfg, fingerprint=fingerprint)

    cfg = compose_one([])
    for key, value in [("chars", 1), ("formats", ["segment_pair"]), ("length", 8), ("metrics", [{"_target_": "a.b"}])]:
        assert asked(changed(cfg, f"eval.{key}", value)) != asked(cfg)
    assert asked(cfg, fingerprint="g") != asked(cfg)
    for key, value in [("eval.every_tokens", 7), ("nsp", False), ("seed", 3), ("optim.lr", 1.0)]:
        assert asked(changed(cfg, key, value)) == asked(cfg)


def test_differences_are_dotted_keys_with_both_values():
    old = {"a": {"b": 1, "c": [1, 2]}, "d": None, "e": 3}
    new = {"a": {"b": 1.0, "c": [1, 3]}, "e": 3, "f": {"g": True}}
    assert difference(old, new) == {"a.c": ([1, 2], [1, 3]), "f.g": (None, True)}
    assert difference(old, old) == {}


def test_the_recipe_is_resolved_science():
    plain = recipe(compose_one(["+exp=roberta", "scale=smoke"]))
    assert set(plain) == set(SCIENCE)
    assert "${" not in str(plain)
