"""The gate: planted confounds, other evaluations, budgets, units and machines are refused and named."""

import json

import pytest
from synthetic_claim import CLAIM, METRIC, NOISE, rewrite, study_of, verdict, write_arm
from synthetic_runs import edit, identity, write_run

from ablate.studies.factors import factors, factors_of
from ablate.studies.metrics import parts_behind

KEYS = [(name, key) for name, factor in factors().items() for key in (*factor.keys, *factor.derived)]
VALUES = [  # plausible ones, among them keys of no factor
    ("data.fraction", 0.1, "data_fraction"), ("data.fingerprint", "other", "data"),
    ("tokenizer.corpus", "other", "tokenizer"), ("tokenizer.vocab_size", 2048, "tokenizer"),
    ("model.width", 256, "model"), ("input.length", 64, "input"), ("nsp", False, "nsp"), ("loss.nsp", False, "nsp"),
    ("loss.alpha", 0.5, "loss"), ("init.std", 0.1, "initialisation"), ("optim.lr", 0.01, "learning_rate"),
    ("optim.betas", [0.9, 0.98], "optimizer"), ("optim.batch_tokens", 1024, "batch"),
    ("schedule.warmup", 0.5, "schedule"), ("budget.amount", 99999, "budget"), ("replicate", 1, "replicate"),
    ("precision", "bf16-mixed", "precision"), ("recipe_version", 2, "recipe_version"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "factor"), VALUES)
def test_every_planted_confound_is_refused_and_named(folder, key, value, factor):
    rewrite(folder, "dynamic", 3.5, changes={"masking.copies": None, key: value})
    one = verdict(folder).verdict
    assert one.verdict == "not testable"
    assert one.p is None
    assert "confounded" in one.reason
    assert key in one.reason
    assert factor in one.reason


@pytest.mark.parametrize(("factor", "key"), KEYS, ids=[f"{factor}: {key}" for factor, key in KEYS])
def test_a_confound_in_any_key_of_any_factor_is_refused_and_named(tmp_path, factor, key):
    """Whatever conf/factors.yaml lists, planted beside what the claim is about: masking, or else NSP."""
    claimed, own = ("nsp", {"nsp": False}) if factor == "masking" else ("masking", {"masking.copies": None})
    planted = f"{key}.planted" if isinstance(identity().get(key, {}), dict) and "." not in key else key
    write_arm(tmp_path, "bert", 4.0)
    good_teacher = {"teacher/mlm_loss": 3.0} if factor == "teacher" else None
    write_arm(tmp_path, "dynamic", 3.5, noise=NOISE[::-1], changes={**own, planted: 77}, metrics=good_teacher)
    clean = CLAIM | {"factors": [claimed]}
    one = verdict(tmp_path, study_of([clean], control=None)).verdict
    assert one.verdict == "not testable"
    assert one.p is None
    assert f"bert against dynamic: {planted} (77 -> " in one.reason
    assert set(factors_of(planted)) & set(one.reason.partition("and differ in ")[2].partition(":")[0].split(", "))
    allowed = clean | {"factors": [claimed, *factors_of(planted)]}
    two = verdict(tmp_path, study_of([allowed], control=None)).verdict
    # other tokens are other units: allowed, this metric still cannot compare them
    assert (two.verdict == "not testable") == planted.startswith("tokenizer.planted"), two.reason
    assert "confounded" not in two.reason


@pytest.mark.parametrize(
    ("wide", "key", "narrow"),
    [("optimizer", "optim.batch_tokens", "batch"), ("optimizer", "optim.lr", "learning_rate"),
     ("data", "data.fraction", "data_fraction"), ("loss", "loss.nsp", "nsp")],
)  # fmt: skip
def test_a_wide_factor_does_not_allow_what_a_narrow_one_covers(tmp_path, wide, key, narrow):
    write_arm(tmp_path, "bert", 4.0)
    write_arm(tmp_path, "dynamic", 3.5, noise=NOISE[::-1], changes={f"{wide[:5]}.planted": 1, key: 0.5})
    one = verdict(tmp_path, study_of([CLAIM | {"factors": [wide]}], control=None)).verdict
    assert one.verdict == "not testable"
    assert f"differ in {wide} only, and differ in {narrow}: " in one.reason


def test_other_evaluations_are_refused_and_the_key_named(folder):
    rewrite(folder, "dynamic", 3.5, changes={"masking.copies": None}, evaluation_id="e1")
    for arm, chars in (("bert", 8000), ("dynamic", 9000)):
        for directory in (folder / arm).glob("seed-*"):
            (directory / ".hydra").mkdir()
            (directory / ".hydra" / "config.yaml").write_text(f"eval: {{chars: {chars}}}\n")
    reason = verdict(folder).verdict.reason
    assert "evaluated in 2 different ways" in reason
    assert "eval.chars (9000 -> 8000)" in reason


@pytest.mark.parametrize("evaluation_id", ["e0", ""])  # a task was added to the evaluation, or asked anew
@pytest.mark.parametrize(("part", "refused"), [("val", True), ("sst2", False)])
def test_what_was_asked_otherwise_since_is_refused(folder, evaluation_id, part, refused):
    for arm in ("bert", "dynamic", "quarter"):
        for path in (folder / arm).glob("seed-*/result.json"):
            asked = {"val": "a", "sst2": "a"} | ({part: "b"} if arm == "dynamic" else {})
            edit(path, evaluations=asked, evaluation_id=evaluation_id)
    one = verdict(folder).verdict
    assert (one.verdict == "not testable") == refused
    assert ("val was asked in 2 different ways (dynamic seed 0 and bert seed 0)" in one.reason) == refused


def test_the_same_questions_from_other_folders_are_the_same_evaluation(folder):
    """`eval.glue=/here/glue` and `/there/glue`: seeds of two machines."""
    for number, path in enumerate(sorted(folder.glob("*/seed-*/result.json"))):
        edit(path, evaluations={"val": "a"}, evaluation_id=f"e{number % 2}")
    assert verdict(folder).verdict.verdict != "not testable"


def test_a_metric_of_ones_own_is_not_judged_where_runs_were_asked_again(tmp_path):
    claim = CLAIM | {"metric": "mine", "higher_is_better": True}
    for arm, changes in (("bert", {}), ("dynamic", {"masking.copies": None})):
        write_arm(tmp_path, arm, 4.0, metrics={"mine": 1.0}, changes=changes, evaluation_id="")
    assert "nothing says that mine was asked alike" in verdict(tmp_path, study_of([claim], control=None)).verdict.reason


@pytest.mark.parametrize(
    ("metric", "parts"),
    [("val/full_sentences/mlm_loss", ["val"]), ("embedded/mean_pair", ["topic"]), ("mnli_mm/accuracy", ["mnli"]),
     ("probe/embedded/mean", ["probe/topic"]), ("probe/mnli/accuracy", []), ("latency_ms", ["efficiency"]),
     ("glue/mean_8", ["mnli", "sst2"]), ("sst2/accuracy/median", ["sst2"]),
     ("squad_v2/f1", ["squad_v2"]), ("squad/f1", ["squad"])],
)  # fmt: skip
def test_which_questions_a_metric_comes_from(metric, parts):
    asked = ["val", "topic", "probe/topic", "mnli", "sst2", "squad", "squad_v2", "efficiency"]
    assert parts_behind(metric, asked) == parts


def test_unmatched_budgets_are_refused_though_the_configs_agree(folder):
    for directory in (folder / "dynamic").glob("seed-*"):
        metrics = json.loads((directory / "result.json").read_text())["metrics"]
        edit(directory / "result.json", metrics=metrics | {"train/tokens": 25000.0})
    reason = verdict(folder).verdict.reason
    assert "budgets are not matched in tokens" in reason
    assert "dynamic 25,000" in reason


def test_runs_of_one_arm_that_differ_are_refused(folder):
    rewrite(folder, "dynamic", 3.5, changes={"masking.copies": None}, seeds=range(4))
    write_arm(folder, "dynamic", 3.5, changes={"masking.copies": 5}, seeds=[4])
    assert "differ among themselves (seeds 0 and 4): masking.copies" in verdict(folder).verdict.reason


def test_one_run_counted_twice_is_refused(folder):
    source, copied = folder / "bert" / "seed-0", folder / "bert" / "seed-1"
    for name in ("result.json", "provenance.json"):
        (copied / name).write_text((source / name).read_text())
    one = verdict(folder).verdict
    assert one.verdict == "not testable"
    assert "seed 1 (unreadable" in one.reason
    edit(copied / "result.json", seed=1)  # and one that hides it
    one = verdict(folder).verdict
    assert one.verdict == "not testable"
    assert "was run with seed 0" in one.reason
    assert "one run" in one.reason
    assert "counted twice" in one.reason


def test_times_from_two_machines_are_not_compared(folder):
    claim = CLAIM | {"kind": "speed", "metric": "train/seconds", "contrast": "bert / dynamic", "margin": None}
    rewrite(folder, "dynamic", 3.5, changes={"masking.copies": None}, processor="another processor")
    assert "different machines" in verdict(folder, study_of([claim | {"id": "fast"}])).verdict.reason


def test_times_of_a_run_that_went_on_elsewhere_are_not_compared(folder):
    claim = CLAIM | {"kind": "speed", "metric": "train/seconds", "contrast": "bert / dynamic", "margin": None}
    path = folder / "dynamic" / "seed-0" / "provenance.json"
    begun = json.loads(path.read_text())["sessions"][0]
    elsewhere = {**begun, "hardware": {**begun["hardware"], "processor": "another processor"}}
    edit(path, sessions=[elsewhere, begun])
    reason = verdict(folder, study_of([claim | {"id": "fast"}])).verdict.reason
    assert "different machines" in reason and "another processor, 1 threads, then a processor" in reason


@pytest.mark.parametrize(
    ("key", "what"), [("latency_ms/length", "tokens per input"), ("latency_ms/threads", "threads")]
)
def test_speeds_of_unlike_measurements_are_not_compared(tmp_path, key, what):
    """One arm was measured again by itself, with other inputs or threads."""
    alike = {"latency_ms": 2.0, "latency_ms/length": 64.0, "latency_ms/threads": 1.0}
    for arm, changes in (("bert", {}), ("dynamic", {"masking.copies": None})):
        for seed in range(5):
            own = {key: 128.0} if arm == "dynamic" and seed == 4 else {}
            write_run(tmp_path, arm, seed, {**alike, **own}, changes=changes)
    fast = {"id": "fast", "kind": "speed", "metric": "latency_ms", "contrast": "bert / dynamic", "margin": None}
    one = verdict(tmp_path, study_of([CLAIM | fast], control=None)).verdict
    assert one.verdict == "not testable"
    assert f"different numbers of {what} are compared: {'64' if 'length' in key else '1'} and 128" in one.reason


ENCODINGS = CLAIM | {"id": "encodings", "factors": ["tokenizer"], "margin": None, "metric": "val/bits_per_char"}
BYTES = {"budget.match": "bytes", "budget.amount": 81920}


def test_losses_per_token_of_two_encodings_are_not_compared(tmp_path):
    write_arm(tmp_path, "bert", 4.0)
    write_arm(tmp_path, "dynamic", 3.5, noise=NOISE[::-1], changes={"tokenizer.vocab_size": 2048})
    one = verdict(tmp_path, study_of([ENCODINGS | {"metric": METRIC}], control=None)).verdict
    assert one.verdict == "not testable"
    assert "is per token, and the tokens of dynamic and bert differ: tokenizer.vocab_size (2048 -> 1024)" in one.reason


def encoded(folder, arm, level, *, tokens, epochs, changes):
    for seed in range(5):
        used = {"train/tokens": tokens, "train/epochs": epochs, "train/updates": tokens // 512}
        metrics = {ENCODINGS["metric"]: level + NOISE[(seed * len(arm)) % 5], **used}
        write_run(folder, arm, seed, metrics, changes=BYTES | changes)


@pytest.mark.parametrize(("epochs", "word"), [(0.30, "supported"), (0.34, "not testable")])
def test_text_matched_in_bytes_is_audited_in_passes_not_in_tokens(tmp_path, epochs, word):
    """Two updates of 512 of 20,480 tokens are 5 % of 0.3 passes: beyond that the arms have not read the same text."""
    encoded(tmp_path, "bert", 4.0, tokens=20480.0, epochs=0.30, changes={})
    other = {"tokenizer._target_": "ablate.data.tokenizers.ByteBPE", "tokenizer.corpus": "c1"}
    encoded(tmp_path, "dynamic", 3.5, tokens=24576.0, epochs=epochs, changes=other)
    one = verdict(tmp_path, study_of([ENCODINGS], control=None)).verdict
    assert one.verdict == word, one.reason
    if word == "not testable":
        assert "not matched in bytes (seed 0): " in one.reason
        assert "dynamic 0.34 passes over the text" in one.reason
