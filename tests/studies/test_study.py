"""Study files: what is read, what is refused and in which words; designs; metric names; published figures."""

import copy

import pytest

from ablate.config.paths import conf_dir
from ablate.config.studies import arm_recipes, exp_value, named_study
from ablate.errors import UserError
from ablate.studies.confounds import check_epochs, check_recipes
from ablate.studies.metrics import example_task, is_better_higher
from ablate.studies.papers import published
from ablate.studies.study import read_study

CLAIM = {
    "id": "a", "says": "s", "kind": "non_inferiority", "contrast": "no_nsp - bert", "metric": "embedded/mean",
    "margin": 0.01, "factors": ["nsp"],
}  # fmt: skip
STUDY = {
    "name": "x", "question": "q", "baseline": "bert", "arms": ["bert", "no_nsp", "budget_d4"], "control": "budget_d4",
    "seeds": 5, "claims": [CLAIM],
}  # fmt: skip
STUDIES = sorted(path.stem for path in (conf_dir() / "study").glob("*.yaml"))


def changed(claim=(), **study):
    plain = copy.deepcopy(STUDY) | study
    plain["claims"] = [CLAIM | dict(claim)]
    return plain


def test_a_study_is_read():
    study = read_study(STUDY)
    assert study.seeds == (0, 1, 2, 3, 4)
    assert study.claims[0].arms == ("no_nsp", "bert")
    assert study.claims[0].higher_is_better
    assert not read_study(changed({"metric": "val/mlm_loss"})).claims[0].higher_is_better


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        (changed({"kind": "superority"}), ["claim a", "kind=superority", "nearest: superiority", "exact"]),
        (changed({"metric": "val/mlmloss"}), ["metric=val/mlmloss", "val/mlm_loss", "higher_is_better"]),
        (changed({"margin": None}), ["claim a", "needs a margin", "no default"]),
        (changed({"margin": -1}), ["margin must be above 0"]),
        (changed({"contrast": "no_nps - bert"}), ["unknown arm 'no_nps'", "no_nsp"]),
        (changed({"contrast": "no_nsp + bert"}), ["sum to 2"]),
        (changed({"factors": ["nspp"]}), ["factors=nspp", "nearest: nsp"]),
        (changed({"factors": []}), ["factors: missing"]),
        (changed({"marign": 2}), ["marign: no such key", "nearest: margin"]),
        (changed({"kind": "retention", "metric": "val/mlm_loss", "margin": None}), ["share of a loss"]),
        (changed({"kind": "exact", "contrast": {"check": "same"}}), ["check=same: unknown", "same_encoder"]),
        (changed({"published": [{"table": "T9", "row": "x"}]}), ["published.table=T9", "RoBERTa T2"]),
        (changed({"published": [{"table": "BERT T5", "row": "x"}]}), ["has no row 'x'", "No NSP"]),
        (changed({"metric": "val/mlm_loss", "higher_is_better": True}), ["lower is better"]),
        (changed(control=None), ["needs the study to name a control", "plateau"]),
        (changed(control="bret"), ["control=bret", "bert"]),
        (changed(baseline="bret"), ["baseline=bret", "nearest: bert"]),
        (changed(baseline=None), ["baseline: missing"]),
        (changed(arms=["bert", "bert"]), ["bert is there twice"]),
        (changed(arms=["bert", "No-NSP"]), ["'No-NSP'", "small letters"]),
        (changed(seeds=0), ["seeds=0"]),
        (changed(seeds=[1, 1]), ["seeds: 1 is there twice"]),
        (changed(alpha=0.7), ["alpha=0.7"]),
        (changed(seed=3), ["seed: no such key", "nearest: seeds"]),
        (changed(looks=[{"seeds": 3, "alpha": 0.04}, {"seeds": 5, "alpha": 0.02}]), ["looks", "0.06"]),
        (changed(looks=5), ["looks=5: must be a list"]),
        (changed(looks=[{"seeds": 3.5, "alpha": 0.01}]), ["looks.seeds=3.5", "whole number from 2"]),
        (changed(looks=[{"seeds": 3, "alpha": -0.01}]), ["looks.alpha=-0.01: must be above 0"]),
        (changed(looks=[{"seeds": 3, "alpha": 0.01}, {"seeds": 3, "alpha": 0.02}]), ["looks: seeds=3 is there twice"]),
        (STUDY | {"claims": 5}, ["claims=5: must be a list"]),
        (changed(design={"kind": "factorial", "switches": 5}), ["design.switches=5: must be a list"]),
        (
            changed(design={"kind": "factorial", "switches": ["a", "b"], "claims": {"factors": ["a", "b"]}}),
            ["design.claims.factors=['a', 'b']: must be a list for each switch, {a: [...]}"],
        ),
        (changed({"published": ["RoBERTa"]}), ["published=RoBERTa", "{table: ..., row: ...}"]),
        (changed({"kind": "trend", "contrast": [1, 2, 3]}), ["contrast=[1, 2, 3]: arms are names"]),
        (changed({"kind": "stack", "contrast": {"base": ["a"]}}), ["arms are names"]),
        (changed({"kind": "exact", "contrast": {"check": "same_encoder", "arms": ["bert"]}}), ["compares 2 arms"]),
        (changed({"kind": "exact", "contrast": {"check": "same_encoder", "arms": 5}}), ["contrast.arms=5"]),
        (changed({"metric": "my/ppl", "higher_is_better": "false"}), ["higher_is_better=false: must be true or false"]),
        (changed({"kind": "superiority", "margin": None, "threshold": -0.1}), ["threshold=-0.1", "non_inferiority"]),
        (changed({"kind": "exact", "contrast": {"check": ["same_encoder"]}}), ["check=['same_encoder']: unknown"]),
        (changed(looks=[{"seeds": 3, "alpha": 0.01}]), ["looks: the last is at 3 of 5 seeds"]),
        (
            changed(design={"kind": "factorial", "switches": ["a", "b"], "claims": "superiority"}),
            ["design.claims=superiority: must be keys"],
        ),
        (
            changed(design={"kind": "factorial", "switches": ["a", "b"], "claims": {"factors": {"a": None, "b": []}}}),
            ["design.claims.factors.a=None: must be a list"],
        ),
        (
            changed(design={"kind": "factorial", "switches": ["a", "b"],
                            "claims": {"factors": {"a": [], "b": []}, "interaction": True}}),
            ["design.claims.interaction=True: must be keys"],
        ),
        (
            changed(design={"kind": "add_one_in", "switches": ["a", "b"],
                            "claims": {"factors": {"a": [], "b": []}, "interaction": {"kind": "superiority"}}}),
            ["design.claims.interaction: kind add_one_in tests none"],
        ),
        (changed(robustness=[1]), ["robustness=[1.0]", "other than 1"]),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(plain, words):
    with pytest.raises(UserError) as caught:
        read_study(plain)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("study x: ")
    for word in words:
        assert word in str(caught.value)


def test_looks_are_read_in_the_order_of_their_seeds():
    looks = read_study(changed(looks=[{"seeds": 5, "alpha": 0.04}, {"seeds": 3, "alpha": 0.01}])).looks
    assert [look["seeds"] for look in looks] == [3, 5]


def test_ids_change_with_decisions_not_with_words():
    first = read_study(STUDY)
    assert read_study(changed({"says": "otherwise", "source": "elsewhere"})).id == first.id
    assert read_study(changed(question="else")).id == first.id
    for other in (changed({"margin": 0.02}), changed(seeds=6), changed(alpha=0.01), changed({"factors": ["input"]})):
        assert read_study(other).id != first.id


def test_leave_one_out_takes_each_switch_from_the_whole():
    claims = {"kind": "superiority", "metric": "val/mlm_loss", "factors": {s: ["nsp"] for s in "abc"}}
    design = {"kind": "leave_one_out", "switches": ["a", "b", "c"], "base": "bert", "claims": claims}
    study = read_study({"name": "d", "baseline": "bert", "design": design, "seeds": 3})
    assert study.arms == ("bert", "a__b__c", "b__c", "a__c", "a__b")
    assert [claim.contrast for claim in study.claims] == [
        "a__b__c - b__c", "a__b__c - a__c", "a__b__c - a__b",
    ]  # fmt: skip


def test_add_one_in_and_factorial():
    claims = {"kind": "superiority", "metric": "val/mlm_loss", "factors": {"a": ["nsp"], "b": ["masking"]},
              "interaction": {"kind": "superiority"}}  # fmt: skip
    plain = {"name": "d", "baseline": "bert", "seeds": 3}
    alone = {key: value for key, value in claims.items() if key != "interaction"}
    one_in = read_study(plain | {"design": {"kind": "add_one_in", "switches": ["a", "b"], "claims": alone}})
    assert one_in.arms == ("bert", "a", "b")
    assert [c.contrast for c in one_in.claims] == ["a - bert", "b - bert"]
    both = read_study(plain | {"design": {"kind": "factorial", "switches": ["a", "b"], "claims": claims}})
    assert both.arms == ("bert", "a", "b", "a__b")
    effects = [dict(part.contrast.coefficients) for c in both.claims for part in _parts(c)]
    assert effects == [
        {"a": 0.5, "bert": -0.5, "a__b": 0.5, "b": -0.5}, {"b": 0.5, "bert": -0.5, "a__b": 0.5, "a": -0.5},
        {"a__b": 1.0, "a": -1.0, "b": -1.0, "bert": 1.0},
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["leave_one_out", "add_one_in", "factorial"])
def test_switches_are_added_to_the_base_of_a_design(kind):
    claims = {"kind": "superiority", "metric": "embedded/mean",
              "factors": {"cased": ["tokenizer"], "batch_x2": ["batch", "learning_rate"]}}  # fmt: skip
    if kind == "factorial":
        claims["interaction"] = {"kind": "superiority"}
    design = {"kind": kind, "switches": ["cased", "batch_x2"], "base": "roberta", "claims": claims}
    study = read_study({"name": "d", "baseline": "roberta", "design": design, "seeds": 3})
    recipes = arm_recipes(study, [])
    assert all(recipe["masking"]["copies"] is None for recipe in recipes.values())  # drawn anew, as in roberta
    check_recipes(study, recipes)


def _parts(claim):
    from ablate.stats.claims import parts_of

    return parts_of(claim.test)


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_read_under_its_name(name):
    assert named_study(name).name == name


PAPERS = {part.name for part in named_study("papers").families}


@pytest.mark.parametrize("name", sorted({*STUDIES} - PAPERS))
def test_every_study_composes_and_can_test_its_claims(name):
    """Those that the papers' study includes are composed with it, once for each arm."""
    study = named_study(name)
    check_recipes(study, arm_recipes(study, ["scale=smoke"]))


def test_a_study_for_one_arm_combines_exps():
    assert exp_value("bert") == "bert"
    assert exp_value("few_tokens__dynamic_masking") == "[few_tokens,dynamic_masking]"
    study = named_study("masking")
    recipe = arm_recipes(study, [])["few_tokens__dynamic_masking"]
    assert recipe["masking"]["copies"] is None
    assert recipe["data"]["fraction"] < 1


def test_a_confound_is_refused_at_load():
    plain = changed({"contrast": "full_sentences - bert"}, arms=["bert", "full_sentences", "budget_d4"])
    study = read_study(plain)
    with pytest.raises(UserError, match=r"confounded.*nsp only.*input.*input._target_"):
        check_recipes(study, arm_recipes(study, []))


def of_encodings(contrast, metric):
    claim = {"id": "encoding", "kind": "superiority", "margin": None, "contrast": contrast, "metric": metric,
             "factors": ["tokenizer"]}  # fmt: skip
    first, second = contrast.split(" - ")
    study = read_study(changed(claim, arms=[second, first], baseline=second, control=None))
    check_recipes(study, arm_recipes(study, []))


@pytest.mark.parametrize("metric", ["val/bits_per_char", "embedded/mean"])
def test_encodings_are_compared_in_what_both_have(metric):
    of_encodings("byte_bpe - cased", metric)


@pytest.mark.parametrize(
    ("contrast", "metric", "words"),
    [
        ("byte_bpe - cased", "val/mlm_loss", r"val/mlm_loss is per token.*byte_bpe and cased.*see val/bits_per_char"),
        ("byte_bpe - cased", "val/mlm_loss/masked", r"val/mlm_loss/masked is per token.*see val/bits_per_char"),
        ("byte_bpe - bert", "val/bits_per_char", r"of byte_bpe counts the capitals that bert drops .*lowercase"),
        ("bert - cased", "val/bits_per_char", r"of cased counts the capitals that bert drops .*lowercase"),
    ],
)
def test_a_metric_without_a_unit_in_common_is_refused_at_load(contrast, metric, words):
    with pytest.raises(UserError, match=words):
        of_encodings(contrast, metric)


def test_what_differs_outside_may_cancel():
    claim = {"contrast": "(full_sentences - no_nsp + dynamic_masking__full_sentences - dynamic_masking__no_nsp) / 2",
             "factors": ["input"], "kind": "superiority", "margin": None}  # fmt: skip
    arms = ["no_nsp", "full_sentences", "dynamic_masking__no_nsp", "dynamic_masking__full_sentences"]
    study = read_study(changed(claim, arms=arms, baseline="no_nsp", control=None))
    check_recipes(study, arm_recipes(study, []))
    lopsided = changed(claim | {"contrast": "dynamic_masking__full_sentences - no_nsp"}, arms=arms, baseline="no_nsp")
    lopsided["control"] = None
    study = read_study(lopsided)
    with pytest.raises(UserError, match="masking"):
        check_recipes(study, arm_recipes(study, []))


def test_arms_that_are_the_same_recipe_are_refused():
    study = read_study(changed({"contrast": "static_masking - bert"}, arms=["bert", "static_masking", "budget_d4"]))
    with pytest.raises(UserError, match="same recipe and cannot differ"):
        check_recipes(study, arm_recipes(study, []))


def test_masks_that_are_never_repeated_cannot_be_tested():
    study = named_study("masking")
    recipes = arm_recipes(study, [])
    amount = recipes["few_tokens__budget_x2"]["budget"]["amount"]
    check_epochs(study, recipes, dict.fromkeys(study.arms, amount // 11))
    with pytest.raises(UserError, match="10 fixed masks are never repeated"):
        check_epochs(study, recipes, dict.fromkeys(study.arms, amount // 9))


def test_fractions_that_are_read_once_cannot_be_tested():
    study = named_study("data")
    recipes = arm_recipes(study, [])
    tokens = recipes["dynamic_masking"]["budget"]["amount"]
    fractions = {arm: recipes[arm]["data"]["fraction"] for arm in study.arms}
    check_epochs(study, recipes, {arm: round(2 * tokens * f) for arm, f in fractions.items()})
    with pytest.raises(UserError, match="read at most once"):
        check_epochs(study, recipes, {arm: round(200 * tokens * f) for arm, f in fractions.items()})


def test_metric_directions():
    assert is_better_higher("sst2/accuracy")
    assert is_better_higher("probe/embedded/mean")
    assert not is_better_higher("val/full_sentences/mlm_loss")
    assert not is_better_higher("latency_ms")
    assert not is_better_higher("mine/loss_of_trust", stated=False)
    assert example_task("sst2/accuracy") == ("sst2", "accuracy")
    assert example_task("embedded/mean") is None
    assert example_task("probe/topic/accuracy") == ("probe/topic", "accuracy")
    assert example_task("probe/embedded/mean") is None


def test_published_differences():
    figures = {f.dataset: f.difference for f in published(
        {"table": "RoBERTa T2", "row": "FULL-SENTENCES", "against": "SEGMENT-PAIR"}
    )}  # fmt: skip
    assert figures["MNLI-m-dev"] == pytest.approx(84.7 - 84.0)
    assert figures["SST-2-dev"] == pytest.approx(92.5 - 92.9)


def test_published_rows_without_a_common_figure_are_refused():
    rows = {"table": "RoBERTa T2", "row": "SEGMENT-PAIR", "against": "XLNet-base (K=7)"}
    with pytest.raises(UserError, match="the two rows have no figure in common"):
        published(rows | {"metric": "F1", "dataset": "SQuAD1.1-dev"})
