"""What cannot be run is refused in one line that names key, value and options; what can be is not."""
# what is tested here ends cfg's way

import pytest
from omegaconf import OmegaConf, open_dict

from ablate.config.build import check_targets
from ablate.config.checks import check
from ablate.config.compose import compose_one, without_hydra
from ablate.errors import UserError


@pytest.fixture(scope="module")
def reference():
    """The config of the defaults."""
    return compose_one([])


@pytest.fixture
def refused(reference):
    """The line with which the default config is refused once some keys are set (`None` as a value is null)."""

    def attempt(**changes):
        cfg = without_hydra(reference)
        with open_dict(cfg):
            for key, value in changes.items():
                OmegaConf.update(cfg, key, value, merge=False, force_add=True)
        with pytest.raises(UserError) as error:
            check(cfg, reference)
            check_targets(cfg)
        assert "\n" not in str(error.value)
        return str(error.value)

    return attempt


def test_why_a_target_cannot_be_imported(refused, tmp_path, monkeypatch):
    (tmp_path / "mine_broken.py").write_text("import torchh\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "No module named 'torchh'" in refused(**{"optim._target_": "mine_broken.Optimizer"})


BAD = {
    "seed": [-1, 1.0, 1.5, "abc", None, True],
    "replicate": [-1, "x"],
    "nsp": ["maybe", 1, None],
    "cache": [None],
    "optim.lr": [0, -1e-3, "fast", None, float("nan")],
    "optim.eps": ["small", 0],
    "optim.betas": [0.9, [0.9], [0.9, 1.0], "0.9,0.98"],
    "optim.clip": [0, -1],
    "optim.batch_tokens": [3, 0, None, "x", 1433.6],
    "optim.weight_decay": [-1, None],
    "optim.momentum": [1, -0.1, None],
    "model.layers": [0, 2.0, 2.5, "x", None],
    "model.heads": [0, 3],
    "model.dropout": [2, -0.1, 1],
    "model.max_length": [None, 0],
    "input.length": [4, 64.5, None],
    "data.fraction": [0, -0.1, 1.01, "a", None],
    "masking.rate": [0, 2, "x", None],
    "eval.chars_per_document": [0],
    "masking.copies": [0, "many", 2.5],
    "masking.mask_share": [-0.1, 1.1],
    "init.std": [-1, "wide"],
    "schedule.warmup": [1, -0.1],
    "budget.match": ["toknes", None],
    "budget.amount": [0, -5, None, "x"],
    "tokenizer.vocab_size": ["abc", -5, 150.5],
    "tokenizer.max_chars": [0, 100.5],
    "trainer.precision": ["fp16", 16],
    "trainer.accelerator": ["tpu"],
    "trainer.attention": ["flash"],
    "trainer.dropout_bits": [8, "16"],
    "trainer.keep_memory": [3],
    "trainer.accumulate": [0, 1.5],
    "trainer.log_every": [0],
    "trainer.threads": [0, "two", 1.5, True],
    "trainer.workers": [-1],
    "trainer.checkpoint_minutes": [-1],
    "trainer.progress": [3],
    "eval.formats": ["segment_pair", ["segment"], None],
    "eval.length": [0, "x"],
    "eval.chars": [-1, 0, 0.5],
    "eval.every_tokens": [0],
    "eval.metrics": [3, ["accuracy"], {"_target_": "a.b"}],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BAD.items() for value in values])
def test_a_bad_value_is_named_with_its_key_and_what_is_wanted(refused, key, value):
    line = refused(**{key: value})
    assert key in line
    shown = value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) else value
    assert str(shown) in line


@pytest.mark.parametrize("key", ["trainer.precision", "trainer.accelerator", "budget.match", "eval.formats"])
def test_options_are_listed_where_there_are_few(refused, key):
    options = {
        "trainer.precision": ["auto", "32-true", "bf16-mixed"],
        "trainer.accelerator": ["auto", "cpu", "gpu"],
        "budget.match": ["tokens", "bytes", "updates", "flops", "seconds"],
        "eval.formats": ["segment_pair", "sentence_pair", "full_sentences", "doc_sentences"],
    }[key]
    line = refused(**{key: ["nonsense"] if key == "eval.formats" else "nonsense"})
    assert all(option in line for option in options)


@pytest.mark.parametrize("pair_format", ["full_sentences", "doc_sentences"])
def test_nsp_needs_a_pair_format(reference, pair_format):
    cfg = compose_one([f"input={pair_format}"])
    with pytest.raises(
        UserError, match=rf"^nsp=true with input={pair_format}: .*segment_pair, sentence_pair.*nsp=false"
    ):
        check(without_hydra(cfg), reference)
    check(without_hydra(compose_one([f"input={pair_format}", "nsp=false"])), reference)


@pytest.mark.parametrize(("key", "other"), [("input.length", "eval.length"), ("eval.length", "input.length")])
def test_a_length_above_the_models_positions(refused, key, other):
    line = refused(**{key: 513})
    assert f"{key}=513" in line and "model.max_length=512" in line
    refused(**{key: 128, other: 64, "model.max_length": 100})


def test_shares_that_exceed_one_together(refused):
    line = refused(**{"masking.mask_share": 0.95})
    assert "masking.mask_share=0.95" in line and "masking.random_share=0.1" in line


@pytest.mark.parametrize(
    ("key", "known"),
    [("optim.momentun", "momentum"), ("model.layerz", "layers"), ("masking.ratio", "rate"), ("data.pth", "packages"),
     ("trainer.device", "accelerator"), ("budget.amuont", "amount"), ("eval.format", "formats"), ("epochs", "budget")],
)  # fmt: skip
def test_a_key_that_nothing_reads_is_not_dropped_silently(refused, key, known):
    line = refused(**{key: 1})
    assert key in line and known in line


@pytest.mark.parametrize("key", ["optim", "masking", "seed", "trainer"])
def test_a_deleted_key_is_named(reference, key):
    cfg = without_hydra(reference)
    with open_dict(cfg):
        del cfg[key]
    with pytest.raises(UserError, match=f"^{key}: cannot be deleted"):
        check(cfg, reference)


@pytest.mark.parametrize("target", ["nowhere.adam", "ablate.training.optim.nope", "torch"])
def test_a_target_that_cannot_be_imported(refused, target):
    assert refused(**{"optim._target_": target}).startswith(f"optim._target_={target}: cannot be imported")


def test_a_metric_that_cannot_be_imported_is_found_before_training(refused):
    line = refused(**{"eval.metrics": [{"_target_": "nowhere.metric"}]})
    assert line.startswith("eval.metrics._target_=nowhere.metric: cannot be imported")


@pytest.mark.parametrize(
    "override",
    ["optim.clip=null", "masking.copies=null", "trainer.threads=null", "optim.lr=1", "data.fraction=1", "nsp=false",
     "schedule.warmup=0", "model.dropout=0", "eval=none", "budget=flops", "budget=updates", "trainer.accumulate=4",
     "optim.betas=[0,0.5]", "eval.formats=[segment_pair]", "scale.tokens=1e6", "model.heads=1",
     "eval.chars=2e5"],
)  # fmt: skip
def test_what_can_be_run_is_not_refused(reference, override):
    cfg = compose_one([override])
    check(without_hydra(cfg), reference)
    check_targets(cfg)


def test_keys_of_a_users_own_target_are_the_users_affair(reference):
    cfg = without_hydra(reference)
    with open_dict(cfg):
        cfg.model = {
            "_target_": "collections.Counter",
            "layers": [3, 4],
            "dropout": "none",
            "width": 8,
            "heads": [4, 8],
        }
    check(cfg, reference)
