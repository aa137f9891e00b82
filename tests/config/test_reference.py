"""The baseline of a command line, and the FLOPs that it would spend."""

import pytest

from ablate.config.compose import compose_one, without_hydra
from ablate.config.reference import baseline_flops, baseline_of, with_flops
from ablate.config.science import recipe
from ablate.errors import UserError


@pytest.mark.parametrize(
    "arm",
    [["+exp=roberta"], ["+exp=data_10", "nsp=false"], ["model=base", "masking.rate=0.3"],
     ["replicate=2", "data.fraction=0.5"], ["budget=updates", "optim=adamw", "optim.lr=1"]],
)  # fmt: skip
def test_the_baseline_is_the_command_line_without_its_recipe(arm):
    asked = ["scale=smoke", "data=text", "data.path=/x", "trainer.threads=1", "seed=3"]
    baseline = baseline_of([*asked, *arm])
    assert without_hydra(baseline) == without_hydra(compose_one(asked))
    assert recipe(baseline) != recipe(compose_one([*asked, *arm]))


def flops_by_hand(layers, width, length, vocabulary, tokens, rate=0.15):
    """Forward and backward (3 x) of the layers' matrices and attention, and of the MLM head at the masked positions."""
    matrices = 2 * (4 * width * width + 2 * width * 4 * width)  # projections and feed-forward, a multiply-add is two
    attention = 2 * 2 * length * width  # scores, and weighted values
    head = 2 * (width * width + width * vocabulary)
    return 3 * tokens * (layers * (matrices + attention) + rate * head)


@pytest.mark.parametrize(
    ("scale", "shape"),
    [("smoke", {"layers": 2, "width": 128, "length": 32, "vocabulary": 1024, "tokens": 20480}),
     ("paper", {"layers": 12, "width": 768, "length": 512, "vocabulary": 30522, "tokens": 131_072_000_000})],
)  # fmt: skip
def test_what_the_baseline_spends(scale, shape):
    assert baseline_flops(compose_one([f"scale={scale}"])) == pytest.approx(flops_by_hand(**shape), rel=1e-12)


@pytest.mark.parametrize("arm", [[], ["+exp=no_nsp"], ["model=base"], ["+exp=byte_bpe", "masking.rate=0.4"]])
def test_every_arm_may_spend_what_the_baseline_spends(arm):
    asked = ["scale=smoke", "budget=flops", *arm]
    filled = with_flops(compose_one(asked), asked)
    assert filled.budget.amount == baseline_flops(compose_one(["scale=smoke"]))


@pytest.mark.parametrize("arm", ["distilbert", "student_hard", "student_soft"])
def test_in_a_study_its_own_baseline_counts(arm):
    """The student with hard labels, which BERT's twice as deep encoder outspends."""
    asked = ["scale=smoke", "+study=distillation", f"+exp={arm}", "budget=flops"]
    amount = with_flops(compose_one(asked), asked).budget.amount
    assert amount == baseline_flops(compose_one(["scale=smoke", "+exp=student_hard"]))
    assert amount < baseline_flops(compose_one(["scale=smoke"]))


def test_a_multiple_of_it():
    asked = ["budget=flops", "+exp=budget_x2"]
    assert with_flops(compose_one(asked), asked).budget.amount == 2 * baseline_flops(compose_one([]))


@pytest.mark.parametrize("asked", [["budget=flops", "budget.amount=7e9"], ["budget=tokens"], ["budget=updates"]])
def test_other_budgets_are_left_as_they_are(asked):
    cfg = compose_one(asked)
    assert with_flops(cfg, asked) is cfg


def test_a_baseline_without_layers_needs_an_amount(tmp_path):
    (tmp_path / "scale").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("_target_: my.Model\nname: mine\n")
    (tmp_path / "scale" / "own.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /model: mine\nscale: {name: own, length: 64, batch: 8, "
        "vocab_size: 99, tokens: 9, lr: 1, muon_lr: 1, warmup: 0}\n"
    )
    asked = ["scale=own", "budget=flops"]
    with pytest.raises(UserError, match=r"^budget=flops: model=mine .*budget.amount"):
        with_flops(compose_one(asked, config_dirs=(tmp_path,)), asked, config_dirs=(tmp_path,))
