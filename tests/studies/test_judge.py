"""Judging folders of runs: planted confounds, bad input, registration, looks, robustness; never a wrong verdict."""

import json
from datetime import timedelta

import numpy as np
import pytest
from synthetic_runs import STARTED, edit, identity, write_run

from ablate import api
from ablate.errors import UserError
from ablate.studies.factors import factors, factors_of
from ablate.studies.judge import as_plain
from ablate.studies.registration import register
from ablate.studies.study import read_study

METRIC = "val/mlm_loss"
CLAIM = {
    "id": "masks", "says": "drawing masks anew is better", "kind": "superiority", "contrast": "dynamic - bert",
    "metric": METRIC, "margin": 0.05, "factors": ["masking"],
}  # fmt: skip
NOISE = np.array([0.011, -0.007, 0.003, -0.012, 0.009])


def study_of(claims=(CLAIM,), **more):
    plain = {"name": "x", "question": "q", "baseline": "bert", "arms": ["bert", "dynamic", "quarter"],
             "control": "quarter", "seeds": 5, "claims": [dict(c) for c in claims]}  # fmt: skip
    return read_study(plain | more)


def write_arm(folder, arm, level, *, noise=NOISE, changes=None, seeds=range(5), metrics=None, **more):
    for seed in seeds:
        measured = {METRIC: level + float(noise[seed % 5]), **(metrics or {})}
        write_run(folder, arm, seed, measured, changes=changes, **more)


@pytest.fixture
def folder(tmp_path):
    """bert at 4 nats, dynamic at 3.5, the control at 5, registered before."""
    made = tmp_path / "x"
    register(made, study_of(), asked={"bert": range(5)})
    write_arm(made, "bert", 4.0)
    write_arm(made, "dynamic", 3.5, noise=NOISE[::-1], changes={"masking.copies": None})
    write_arm(made, "quarter", 5.0, noise=NOISE**2, changes={"budget.amount": 5120})
    return made


def verdict(folder, study=None):
    judged = api.judge(folder, study or study_of())
    return judged.claims[0]


def test_a_planted_effect_is_supported(folder):
    one = verdict(folder)
    assert one.verdict.verdict == "supported"
    assert one.verdict.estimate == pytest.approx(0.5)  # larger is better: nats saved
    assert one.registered is True
    assert one.seeds == (0, 1, 2, 3, 4)
    assert verdict(folder, study_of([CLAIM | {"contrast": "bert - dynamic"}])).verdict.estimate is None  # changed since


def test_losses_per_token_of_two_encodings_are_not_compared(tmp_path):
    write_arm(tmp_path, "bert", 4.0)
    write_arm(tmp_path, "dynamic", 3.5, noise=NOISE[::-1], changes={"tokenizer.vocab_size": 2048})
    one = verdict(tmp_path, study_of([ENCODINGS | {"metric": METRIC}], control=None)).verdict
    assert one.verdict == "not testable"
    assert "is per token, and the tokens of dynamic and bert differ: tokenizer.vocab_size (2048 -> 1024)" in one.reason


def test_the_registered_study_judges_by_default(folder):
    assert api.judge(folder).study.id == study_of().id


def rewrite(folder, arm, level, **more):
    for path in sorted((folder / arm).glob("seed-*/*")):
        path.unlink()
    for path in (folder / arm).glob("seed-*"):
        path.rmdir()
    write_arm(folder, arm, level, noise=NOISE[::-1], **more)


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


@pytest.mark.parametrize(
    ("text", "words"),
    [("{\"run_id\": \"ab", "cannot be read"), ("[1, 2]", "not a run's record"), ("{}", "not a run's record"),
     ("", "cannot be read"), ("\x00\xff", "cannot be read")],
)  # fmt: skip
def test_corrupt_records_leave_the_claim_untested_in_words(folder, text, words):
    (folder / "dynamic" / "seed-2" / "result.json").write_text(text)
    judged = api.judge(folder)
    assert judged.claims[0].verdict.verdict == "not testable"
    assert "dynamic seed 2 (unreadable" in judged.claims[0].verdict.reason
    assert words in judged.claims[0].verdict.reason
    assert any("dynamic seed 2 is unreadable" in note for note in judged.notes)


def _changed(**changes):
    def damage(directory):
        edit(directory / "result.json", **changes)

    return damage


def _metric(value):
    def damage(directory):
        metrics = json.loads((directory / "result.json").read_text())["metrics"]
        edit(directory / "result.json", metrics=metrics | {METRIC: value})

    return damage


def _text(name, text):
    def damage(directory):
        path = directory / name
        path.write_text(text if isinstance(text, str) else text(path.read_text()))

    return damage


def _folder(directory):
    (directory / "result.json").unlink()
    (directory / "result.json").mkdir()


def _identity(value):
    def damage(directory):
        edit(directory / "provenance.json", identity=value)

    return damage


DAMAGE = {
    "half-written": (_text("result.json", lambda text: text[: len(text) // 2]), "cannot be read"),
    "of another tool": (_text("result.json", '{"eval_loss": 3.1, "epoch": 2}'), "not a run's record"),
    "nested without end": (_text("result.json", "[" * 200_000), "cannot be read"),
    "a folder": (_folder, "cannot be read"),
    "an unknown status": (_changed(status="finished"), "status=finished: must be ok or diverged"),
    "metrics as a list": (_changed(metrics=[1, 2]), "not a run's record"),
    "no metrics": (_changed(metrics=None), "not a run's record"),
    "a word for a number": (_metric("good"), "could not convert"),
    "true for a number": (_metric(True), "is no number"),
    "null for a number": (_metric(None), "not a run's record"),
    "a number beyond floats": (_metric(10**400), "not a run's record"),
    "nan": (_metric("nan"), "not a finite number"),
    "infinity": (_metric("inf"), "not a finite number"),
    "too large to subtract": (_metric(1.7e308), "too large to compute with"),
    "of another arm": (_changed(arm="bert"), "is the record of bert, seed 2, which does not belong there"),
    "of another seed": (_changed(seed=3), "is the record of dynamic, seed 3, which does not belong there"),
    "of another run": (_changed(run_id="0" * 16), "is of run 0000000000000000, its provenance.json of"),
    "without provenance": (lambda d: (d / "provenance.json").unlink(), "missing or corrupt"),
    "half a provenance": (_text("provenance.json", lambda text: text[:200]), "missing or corrupt"),
    "a changed recipe": (_identity(identity(**{"masking.copies": None}) | {"seed": 7}), "was changed: what it says"),
    "no recipe": (_identity([]), "was changed: what it says"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_never_judged_and_always_said(folder, damage):
    do, words = DAMAGE[damage]
    do(folder / "dynamic" / "seed-2")
    judged = api.judge(folder)
    one = judged.claims[0].verdict
    assert one.verdict == "not testable"
    assert (one.p, one.estimate, one.interval) == (None, None, None)
    assert words in one.reason, one.reason
    assert "\n" not in one.reason
    json.dumps(as_plain(judged), allow_nan=False)


def test_missing_runs_are_no_early_look(folder):
    for path in (folder / "dynamic" / "seed-4").iterdir():
        path.unlink()
    one = verdict(folder).verdict
    assert one.verdict == "not testable"
    assert "1 of 10 planned runs are not finished: dynamic seed 4 (interrupted)" in one.reason


def test_a_diverged_run_takes_its_pair_and_is_said(folder):
    rewrite(folder, "dynamic", 3.5, changes={"masking.copies": None}, seeds=range(4))
    write_run(folder, "dynamic", 4, {}, changes={"masking.copies": None}, status="diverged")
    one = verdict(folder)
    assert one.verdict.verdict == "supported"
    assert one.verdict.n == 4
    assert one.seeds == (0, 1, 2, 3)
    assert "seed 4 is left out: dynamic diverged: the loss is not finite" in one.notes
    assert api.judge(folder).arms[1].diverged == 1


def test_nan_one_seed_zero_variance_and_missing_metrics(folder, tmp_path):
    path = folder / "dynamic" / "seed-2" / "result.json"
    metrics = json.loads(path.read_text())["metrics"]
    edit(path, metrics=metrics | {METRIC: "nan"})
    assert "not a finite number" in verdict(folder).verdict.reason
    assert verdict(folder).verdict.verdict == "not testable"
    downstream = study_of([CLAIM | {"id": "downstream", "metric": "embedded/mean"}])
    assert "have no embedded/mean" in verdict(folder, downstream).verdict.reason
    same = tmp_path / "same"
    for arm, changes in (("bert", {}), ("dynamic", {"masking.copies": None})):
        write_arm(same, arm, 4.0, changes=changes)
    assert "identical" in verdict(same).verdict.reason
    assert verdict(same, study_of(seeds=1)).verdict.verdict == "not testable"


def test_without_a_separated_control_nothing_is_as_good(folder):
    claim = CLAIM | {"kind": "non_inferiority"}
    study = study_of([claim])
    (folder / "study.json").unlink()
    assert verdict(folder, study).verdict.verdict == "supported"
    rewrite(folder, "quarter", 4.0, changes={"budget.amount": 5120})
    one = verdict(folder, study).verdict
    assert one.verdict == "not testable"
    assert "no assay sensitivity" in one.reason


def test_claims_changed_after_the_runs_are_refused(folder):
    changed = study_of([CLAIM | {"margin": 0.2}])
    one = verdict(folder, changed)
    assert one.verdict.verdict == "not testable"
    assert "changed after its runs (margin: 0.05 -> 0.2)" in one.verdict.reason
    assert "changed after its runs (alpha: 0.05 -> 0.1)" in verdict(folder, study_of(alpha=0.1)).verdict.reason


def test_claims_dropped_after_the_runs_are_said(folder):
    """Holm over fewer claims is more lenient, so the family is part of what was decided."""
    (folder / "study.json").unlink()
    two = [CLAIM, CLAIM | {"id": "other", "contrast": "bert - dynamic"}]
    register(folder, study_of(two), asked={})
    assert verdict(folder, study_of(two)).notes == ()
    alone = verdict(folder, study_of())
    assert alone.verdict.verdict == "supported"
    assert alone.registered is True
    assert alone.notes == (
        "claims that shared its alpha when it was registered were dropped after runs had finished: other",
    )  # fmt: skip


def test_claims_added_after_the_runs_are_said_to_be(folder):
    study = study_of([CLAIM | {"id": "late"}])
    one = verdict(folder, study)
    assert one.registered is False
    assert one.verdict.verdict == "supported"
    assert "the claim is not in study.json: it came after the runs" in one.notes


def test_registered_too_late_is_said(tmp_path):
    made = tmp_path / "x"
    early = STARTED - timedelta(days=3000)
    write_arm(made, "bert", 4.0, started=early)
    write_arm(made, "dynamic", 3.5, noise=NOISE[::-1], changes={"masking.copies": None}, started=early)
    write_arm(made, "quarter", 5.0, noise=NOISE**2, changes={"budget.amount": 5120}, started=early)
    register(made, study_of(), asked={})
    assert verdict(made).registered is False
    assert verdict(made).notes == ("the claim was registered after its first run had finished",)


def test_registration_only_appends(tmp_path):
    register(tmp_path, study_of(), asked={"bert": [0]})
    register(tmp_path, study_of(), asked={"bert": [0]})
    first = json.loads((tmp_path / "study.json").read_text())["entries"]
    register(tmp_path, study_of(seeds=8), asked={"bert": [0, 7]})
    entries = json.loads((tmp_path / "study.json").read_text())["entries"]
    assert len(first) == 1
    assert entries[:1] == first
    assert len(entries) == 2
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(UserError, match=r"study\.json is corrupt"):
        api.judge(tmp_path)


def test_seeds_added_without_a_look_are_said(folder):
    write_arm(folder, "bert", 4.0, seeds=range(5, 7))
    write_arm(folder, "dynamic", 3.5, noise=NOISE[::-1], changes={"masking.copies": None}, seeds=range(5, 7))
    write_arm(folder, "quarter", 5.0, noise=NOISE**2, changes={"budget.amount": 5120}, seeds=range(5, 7))
    assert "seeds 5, 6 were run but are not the study's; they are left out" in api.judge(folder).notes
    assert verdict(folder).verdict.n == 5
    grown = verdict(folder, study_of(seeds=7))
    assert grown.verdict.n == 7
    assert "seeds 5, 6 were added after runs had finished, without a planned look" in grown.notes


def test_seeds_dropped_after_runs_are_said(folder):
    fewer = verdict(folder, study_of(seeds=3))
    assert fewer.verdict.n == 3
    assert "seeds 3, 4 were dropped after runs had finished, without a planned look" in fewer.notes


def test_a_planned_look_spends_its_share_of_alpha(folder):
    study = study_of(seeds=8, looks=[{"seeds": 5, "alpha": 0.02}, {"seeds": 8, "alpha": 0.03}])
    (folder / "study.json").unlink()
    judged = api.judge(folder, study)
    assert (judged.seeds, judged.alpha) == ((0, 1, 2, 3, 4), 0.02)
    assert judged.claims[0].verdict.alpha == 0.02


def test_the_ladder_says_how_stable_a_verdict_is(folder):
    for multiple, level in (("0.5", 3.5), ("2", 4.5)):
        suffix = f".optim.lr_ladder-{multiple}"
        lr = {"optim.lr": 0.001 * float(multiple)}
        write_arm(folder, f"bert{suffix}", 4.0, changes=lr)
        write_arm(folder, f"dynamic{suffix}", level, noise=NOISE[::-1], changes={"masking.copies": None, **lr})
        write_arm(folder, f"quarter{suffix}", 5.0, noise=NOISE**2, changes={"budget.amount": 5120, **lr})
    one = verdict(folder)
    assert one.verdict.verdict == "supported"
    assert one.stable == (1, 2)


def test_times_from_two_machines_are_not_compared(folder):
    claim = CLAIM | {"kind": "speed", "metric": "train/seconds", "contrast": "bert / dynamic", "margin": None}
    rewrite(folder, "dynamic", 3.5, changes={"masking.copies": None}, processor="another processor")
    assert "different machines" in verdict(folder, study_of([claim | {"id": "fast"}])).verdict.reason


def test_exact_claims_need_no_runs(tmp_path):
    exact = {"id": "e", "says": "s", "kind": "exact"}
    study = study_of([
        exact | {"contrast": {"check": "same_encoder", "arms": ["roberta", "bert"]}},
        exact | {"id": "f", "contrast": {"check": "kl_is_cross_entropy"}},
    ])  # fmt: skip
    judged = api.judge(tmp_path, study)
    assert [one.verdict.verdict for one in judged.claims] == ["supported", "supported"]
    assert "token types (False against True)" in judged.claims[0].verdict.reason


def test_verdicts_are_json(folder, tmp_path):
    judged = api.judge(folder)
    api.write_verdicts(tmp_path / "out" / "verdicts.json", judged)
    plain = json.loads((tmp_path / "out" / "verdicts.json").read_text())
    assert plain == as_plain(judged)
    assert plain["study"] == "x"
    assert {"id", "says", "kind", "metric", "verdict", "estimate", "interval", "p", "p_holm", "n"} <= set(
        plain["claims"][0]
    )


def test_load_gives_a_row_per_run(folder):
    frame = api.load(folder)
    assert len(frame) == 15
    assert set(frame["arm"]) == {"bert", "dynamic", "quarter"}
    assert frame[METRIC].notna().all()


CSV = "arm,seed,metric,value\n"


def rows(arm, values, metric=METRIC):
    return "".join(f"{arm},{seed},{metric},{value}\n" for seed, value in enumerate(values))


def test_others_results_are_judged(tmp_path, folder):
    path = tmp_path / "results.csv"
    text = CSV + rows("bert", 4 + NOISE) + rows("dynamic", 3.5 + NOISE[::-1]) + rows("quarter", 5 + NOISE**2)
    path.write_text(text)
    theirs, ours = api.judge(path, study_of()).claims[0], verdict(folder)
    assert theirs.verdict.p == pytest.approx(ours.verdict.p)
    assert theirs.registered is None
    wide = "arm,seed,val/mlm_loss\n" + "".join(
        f"{arm},{s},{level + e}\n" for arm, level in (("bert", 4), ("dynamic", 3.5)) for s, e in enumerate(NOISE)
    )
    path.write_text(wide)
    assert "every seed gives the same contrast" in api.judge(path, study_of()).claims[0].verdict.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("arm,seed,value\nbert,0,1\n", "needs the columns arm, seed, metric, value"),
        (CSV + "bert,0,val/mlm_loss,x\n", "row 2: value=x is not a number"),
        (CSV + "bert,zero,val/mlm_loss,1\n", "seed=zero is not a number"),
        (CSV + "bert,0,val/mlm_loss,1\nbert,0,val/mlm_loss,2\n", "bert, seed 0 is there twice"),
        ("", "cannot be read as csv"),
    ],
)
def test_mistakes_in_a_csv_are_one_line(tmp_path, text, words):
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        api.judge(path, study_of())
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unbalanced_seeds_of_others_are_paired_and_said(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(CSV + rows("bert", 4 + NOISE) + rows("dynamic", (3.5 + NOISE[::-1])[:4]))
    one = api.judge(path, study_of()).claims[0]
    assert one.verdict.n == 4
    assert "seed 4 is left out: there is no dynamic" in one.notes


def test_no_runs_at_all(tmp_path):
    judged = api.judge(tmp_path, study_of())
    assert judged.claims[0].verdict.verdict == "not testable"
    assert "not started" in judged.claims[0].verdict.reason
    with pytest.raises(UserError, match="no such folder"):
        api.judge(tmp_path / "nowhere", study_of())


RETENTION = {"id": "kept", "says": "the student keeps most of it", "kind": "retention",
             "contrast": "dynamic - 0.5*bert", "metric": "sst2/accuracy", "factors": ["masking"]}  # fmt: skip


def scored(folder, arm, level, *, majority=0.5, changes=None):
    for seed in range(5):
        known = {} if majority is None else {"sst2/accuracy/majority": majority}
        write_run(
            folder, arm, seed, {"sst2/accuracy": level + NOISE[(seed * (1 + len(arm))) % 5], **known}, changes=changes
        )


@pytest.mark.parametrize(("level", "word"), [(0.85, "supported"), (0.55, "contradicted")])
def test_retention_is_of_the_gain_over_the_majority(tmp_path, level, word):
    """0.55 is 61 % of 0.9, and an eighth of what 0.9 gains over 0.5."""
    scored(tmp_path, "bert", 0.9)
    scored(tmp_path, "dynamic", level, changes={"masking.copies": None})
    scored(tmp_path, "quarter", 0.5, changes={"budget.amount": 5120})
    judged = api.judge(tmp_path, study_of([RETENTION]))
    one = judged.claims[0].verdict
    assert one.verdict == word, one.reason
    frame = api.load(tmp_path).groupby("arm")["sst2/accuracy"].mean()
    assert one.retained.plain == pytest.approx(frame["dynamic"] / frame["bert"])
    assert one.retained.gain == pytest.approx((frame["dynamic"] - 0.5) / (frame["bert"] - 0.5))
    assert as_plain(judged)["claims"][0]["retained"]["wanted"] == 0.5


def test_retention_without_or_with_two_baselines_is_said(tmp_path):
    scored(tmp_path / "none", "bert", 0.9, majority=None)
    scored(tmp_path / "none", "dynamic", 0.55, majority=None, changes={"masking.copies": None})
    scored(tmp_path / "none", "quarter", 0.2, majority=None, changes={"budget.amount": 5120})
    one = verdict(tmp_path / "none", study_of([RETENTION]))
    assert one.verdict.verdict == "supported"
    assert any("sst2/accuracy/majority is not known, so retention is of the plain score" in note for note in one.notes)
    scored(tmp_path / "two", "bert", 0.9)
    scored(tmp_path / "two", "dynamic", 0.85, majority=0.6, changes={"masking.copies": None})
    two = verdict(tmp_path / "two", study_of([RETENTION])).verdict
    assert two.verdict == "not testable"
    assert "is 0.5 in some runs and 0.6 in others: other test examples" in two.reason


ENCODINGS = CLAIM | {"id": "encodings", "factors": ["tokenizer"], "margin": None, "metric": "val/bits_per_char"}
BYTES = {"budget.match": "bytes", "budget.amount": 81920}


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
