"""Where a run goes: names of studies, arms and directories."""

import pytest

from ablate.config.compose import compose_one
from ablate.config.naming import arm_name, data_name, safe, study_name
from ablate.errors import UserError


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "bert"),
        (["+exp=no_nsp"], "no_nsp"),
        (["+exp=no_nsp", "seed=3"], "no_nsp"),
        (["+exp=[no_nsp,dynamic_masking]"], "no_nsp__dynamic_masking"),
        (["scale=smoke", "trainer.threads=1", "eval.chars=5", "logger=wandb", "cache=/x"], "bert"),
        (["data=text", "data.path=/a/b", "hydra.run.dir=/x"], "bert"),
        (["optim.lr=1e-3"], "bert.optim.lr-0.001"),
        (["+exp=roberta", "nsp=true", "masking.rate=0.3"], "roberta.masking.rate-0.3.nsp-True"),
        (["data.fraction=0.1"], "bert.data.fraction-0.1"),
        (["masking=dynamic", "model=base"], "bert.masking-dynamic.model-base"),
        (["scale.tokens=5"], "bert.scale.tokens-5"),
        (["trainer.precision=32-true"], "bert.trainer.precision-32-true"),
        (["trainer.dropout_bits=16"], "bert.trainer.dropout_bits-16"),
        (["replicate=1"], "bert.replicate-1"),
        (["masking.copies=null"], "bert.masking.copies-null"),
    ],
)
def test_an_arm_is_its_exp_and_the_other_scientific_overrides(overrides, name):
    assert arm_name(overrides) == name


def test_the_order_of_overrides_does_not_matter():
    assert arm_name(["nsp=false", "+exp=bert", "masking.rate=0.3"]) == arm_name(
        ["masking.rate=0.3", "nsp=false", "+exp=bert"]
    )


def test_different_values_have_different_names():
    values = ["optim.betas=[0.9,0.98]", "optim.betas=[0.9,0.99]", "optim.lr=1e-3", "optim.muon_lr=1e-3", "nsp=false"]
    assert len({arm_name([value]) for value in values}) == len(values)


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "adhoc"),
        (["scale=smoke"], "adhoc.smoke"),
        (["data=wikitext103"], "adhoc.wikitext103"),
        (["scale=gpu", "data=text", "data.path=/some/books"], "adhoc.gpu.books"),
        (["study.name=mine", "scale=smoke"], "mine.smoke"),
    ],
)
def test_a_study_carries_scale_and_data_where_they_are_not_its_defaults(overrides, name):
    assert study_name(compose_one(overrides)) == name


@pytest.mark.parametrize(
    ("path", "name"),
    [("/a/books", "books"), ("/a/books/", "books"), ("books.txt", "books"), ("/a/books/*.txt", "books"),
     ("*.md", "data"), ("owner/some-set", "some-set")],
)  # fmt: skip
def test_data_is_called_by_its_name_or_the_stem_of_its_path(path, name):
    assert data_name(compose_one(["data=text", f"data.path='{path}'"])) == name
    assert data_name(compose_one(["data=text", f"data.path='{path}'", "data.name=given"])) == "given"


@pytest.mark.parametrize("name", ["a=b", "a/b", "../x", "a b", "[1,2]", "x" * 500, "..", "", "${x}", "caf\u00e9"])
def test_a_safe_name_is_one_folder_and_no_trouble_for_hydra(name):
    clean = safe(name)
    assert clean not in ("", ".", "..") and len(clean) <= 120
    assert not set(clean) & set("=/\\ ,[]{}$'\"")
    assert safe(clean) == clean


def test_long_names_stay_apart():
    assert safe("x" * 300 + "a") != safe("x" * 300 + "b")


EXPS = ("bert", "sentence_pair_no_nsp", "no_nsp__dynamic_masking__full_sentences__batch_x4__budget_x2__static_masking")


def variants(*overrides):
    """What the other overrides of a command add to the name of each of its arms."""
    names = [arm_name([f"+exp=[{exp.replace('__', ',')}]", *overrides]) for exp in EXPS]
    assert [name.partition(".")[0] for name in names] == list(EXPS)
    assert max(map(len, names)) <= 255
    return {name.partition(".")[2] for name in names}


@pytest.mark.parametrize(("count", "whole"), [(1, True), (5, True), (7, True), (8, False), (20, False)])
def test_the_arms_of_a_command_are_of_one_variant_however_long_their_names(count, whole):
    asked = [f"scale.key_{i}=1{i:02}" for i in range(count)]
    (variant,) = variants(*asked)
    assert variant != variants(*asked[:-1], "scale.key_0=2").pop()
    assert (variant == ".".join(one.replace("=", "-") for one in asked)) == whole


def test_a_name_that_fits_is_kept_as_it_is():
    value = "x" * (118 - len("scale.note-"))
    assert arm_name(["+exp=a", f"scale.note={value}"]) == f"a.scale.note-{value}"
    assert len(arm_name(["+exp=a", f"scale.note={value}y"])) <= 120


def test_a_long_variant_keeps_what_tells_a_family():
    long = [f"scale.key_{i}={'1' * 40}" for i in range(4)]
    (variant,) = variants(*long, "budget=bytes")
    assert variant.startswith("budget-bytes.scale.key_0-1")
    assert variant != variants(*long[1:], "budget=bytes").pop()


def test_exps_too_many_for_a_folder_are_refused_in_one_line():
    with pytest.raises(UserError, match=r"^\+exp=\[xx.*: 3[0-9]{2} characters.* at most 255; .*$"):
        arm_name([f"+exp=[{','.join(['x' * 50] * 6)}]"])
