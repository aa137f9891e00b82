"""Every file of conf/: recipes are diffs of the baseline, touch science only, and train."""

import functools
import json
import math
import random

import pytest
import yaml
from transformers import AutoModelForMaskedLM

from ablate.config.build import check_targets
from ablate.config.checks import check
from ablate.config.compose import compose_one, without_hydra
from ablate.config.paths import conf_dir
from ablate.config.science import SCIENCE, difference, flatten, recipe

ARMS = sorted(path.stem for path in (conf_dir() / "exp").glob("*.yaml"))
SCALES = sorted(path.stem for path in (conf_dir() / "scale").glob("*.yaml"))
DEFAULTS = yaml.safe_load((conf_dir() / "config.yaml").read_text())["defaults"]
GROUPS = [name for entry in DEFAULTS if isinstance(entry, dict) for name in entry if not name.startswith("override ")]
FACTORS = yaml.safe_load((conf_dir() / "factors.yaml").read_text())
SAME_AS_BASELINE = {"bert", "static_masking"}  # the second is the first under its own name
SAME_AT = {("adamw", "paper")}  # what the scale has already


@functools.cache
def composed(arm, scale):
    """The config of an arm at a scale, or of the defaults where `arm` is None."""
    return without_hydra(compose_one([*([f"+exp={arm}"] if arm else []), f"scale={scale}"]))


@functools.cache
def reference():
    """The config of no overrides, with Hydra's own node."""
    return compose_one([])


@functools.cache
def content(arm):
    """What an arm's file says: the groups it replaces, and the keys that it sets."""
    plain = yaml.safe_load((conf_dir() / "exp" / f"{arm}.yaml").read_text())
    replaced = [name for entry in plain.pop("defaults", []) for name in entry]
    return [name.removeprefix("override /") for name in replaced], plain


def derived_from(keys):
    """The declared derived keys of the factors that cover some of these keys."""
    covering = [f for f in FACTORS.values() if any(_within(key, name) for key in keys for name in f["keys"])]
    return {key for factor in covering for key in factor.get("derived", [])}


def _within(key, name):
    return key == name or key.startswith(f"{name}.") or name.startswith(f"{key}.")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("arm", ARMS)
def test_a_recipe_differs_from_its_baseline_exactly_where_it_says(arm, scale):
    groups, plain = content(arm)
    cfg, baseline = composed(arm, scale), composed(None, scale)
    check(cfg, reference() if (arm, scale) == (ARMS[0], SCALES[0]) else baseline)
    differing = difference(recipe(baseline), recipe(cfg))
    keys = {key: value for key, value in flatten(plain).items() if not key.startswith("arm.")}
    for key, value in keys.items():
        assert flatten(recipe(cfg))[key] == value or "${" in str(value)
    if arm in SAME_AS_BASELINE or (arm, scale) in SAME_AT:
        assert not differing
    elif differing:
        assert set(keys) <= set(differing)  # nothing is set to what it was
        assert all(any(_within(key, group) for key in differing) for group in groups)
        declared = derived_from([*keys, *groups])
        unsaid = {key for key in differing if key not in keys and not any(_within(key, group) for group in groups)}
        assert unsaid <= declared
    else:  # only by saying so: a scale that has no smaller share of its data to repeat
        assert all("${scale." in str(value) for value in keys.values()) and keys


@pytest.mark.parametrize("arm", ARMS)
def test_a_recipe_touches_science_only(arm):
    groups, plain = content(arm)
    assert {key.split(".")[0] for key in flatten(plain)} <= {*SCIENCE, "arm"}
    assert set(groups) <= set(SCIENCE)
    for scale in SCALES:
        cfg, baseline = composed(arm, scale), composed(None, scale)
        rest = [key for key in baseline if key not in (*SCIENCE, "arm")]
        assert {"eval", "trainer", "logger", "scale", "study", "seed"} <= set(rest)
        assert all(cfg[key] == baseline[key] for key in rest)


@pytest.mark.parametrize("arm", ARMS)
def test_a_recipe_states_in_a_sentence_what_it_is_and_where_it_is_from(arm):
    stated = content(arm)[1]["arm"]
    assert set(stated) == {"description", "source"}
    assert all(isinstance(text, str) and 10 < len(text) < 160 and "\n" not in text for text in stated.values())


def test_recipes_differ_from_each_other():
    recipes = {json.dumps(recipe(composed(arm, "laptop")), sort_keys=True) for arm in ARMS}
    assert len(recipes) == len(ARMS) - len(SAME_AS_BASELINE) + 1
    descriptions = {composed(arm, "laptop").arm.description for arm in ARMS}
    assert len(descriptions) == len(ARMS)


@pytest.mark.parametrize("scale", SCALES)
def test_factors_cover_every_scientific_key_and_no_other(scale):
    known = {*flatten(recipe(composed(None, scale))), "precision", "dropout_bits"}
    for arm in ARMS:
        known |= set(flatten(recipe(composed(arm, scale))))
    covered = {
        key for key in known if any(key == n or key.startswith(f"{n}.") for f in FACTORS.values() for n in f["keys"])
    }
    assert covered == known
    named = {name for factor in FACTORS.values() for name in factor["keys"]}
    assert all(any(_within(key, name) for key in known) for name in named)


def test_derived_keys_exist_and_really_follow_from_others():
    derived = {key for factor in FACTORS.values() for key in factor.get("derived", [])}
    muon, adamw = (set(flatten(recipe(composed(None, scale)))) for scale in ("smoke", "paper"))
    assert derived <= muon | adamw
    for factor in FACTORS.values():
        assert not set(factor["keys"]) & set(factor.get("derived", []))


def options():
    """Every option of every group of the defaults, with values for what it requires."""
    for group in GROUPS:
        for path in sorted((conf_dir() / group).glob("*.yaml")):
            text = path.read_text()
            missing = [key for key, value in (yaml.safe_load(text) or {}).items() if value == "???"]
            required = [f"{group}.{key}={60 if key == 'amount' else 'x'}" for key in missing]
            yield pytest.param([f"{group}={path.stem}", "nsp=false", *required], id=f"{group}-{path.stem}")


@pytest.mark.parametrize("overrides", list(options()))
def test_every_option_composes_and_its_target_takes_its_keys(overrides):
    cfg = compose_one(overrides)
    check(without_hydra(cfg), reference())
    check_targets(cfg)


@pytest.mark.parametrize(
    "path", sorted(conf_dir().glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_every_file_begins_by_saying_what_it_is(path):
    assert path.read_text().startswith("# ")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Enough documents for one per cent of them to be some."""
    path = tmp_path_factory.mktemp("corpus") / "stories.jsonl"
    rng = random.Random(1)
    syllables = [a + b for a in "bcdfghklmnprst" for b in ("a", "e", "i", "o", "u", "ar", "in", "el")]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 3))) for _ in range(200)]

    def sentence():
        return " ".join(rng.choices(words, k=rng.randint(4, 12))).capitalize() + "."

    stories = [" ".join(sentence() for _ in range(rng.randint(8, 40))) for _ in range(500)]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in stories))
    return path


TWO_STEPS = ("tokenizer.vocab_size=280", "budget=updates", "budget.amount=2", "scale.few=0.05", "eval=none")


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_trains_two_steps(run_tiny, corpus, arm):
    record, directory = run_tiny(f"+exp={arm}", f"data.path={corpus}", *TWO_STEPS)
    assert record.status == "ok" and record.arm.startswith(f"{arm}.budget-updates")
    assert record.metrics["train/updates"] == 2
    multiple = composed(arm, "smoke").optim.batch_multiple
    assert record.metrics["train/tokens"] == pytest.approx(2 * 8 * 32 * multiple, rel=0.3)
    assert all(math.isfinite(value) for value in record.metrics.values())
    assert AutoModelForMaskedLM.from_pretrained(directory / "model").config.vocab_size <= 280


@pytest.mark.parametrize(
    "overrides",
    [["optim=adamw", "schedule=constant", "input.short_sequences=0.1"], ["optim.clip=null", "trainer.accumulate=2"],
     ["optim=adamw", "trainer.precision=bf16-mixed", "trainer.attention=sdpa", "trainer.workers=1"]],
)  # fmt: skip
def test_options_that_no_arm_uses_train_two_steps(run_tiny, corpus, overrides):
    record, _ = run_tiny(f"data.path={corpus}", *TWO_STEPS, *overrides)
    assert (record.status, record.metrics["train/updates"]) == ("ok", 2)
