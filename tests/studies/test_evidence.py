"""What of a folder of runs is evidence: damaged, missing, diverged and identical runs; retention."""

import json

import pytest
from synthetic_claim import CLAIM, METRIC, NOISE, rewrite, study_of, verdict, write_arm
from synthetic_runs import edit, identity, write_run

from ablate import api
from ablate.errors import UserError
from ablate.studies.judge import as_plain


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
    scored(tmp_path / "two", "quarter", 0.2, changes={"budget.amount": 5120})
    two = verdict(tmp_path / "two", study_of([RETENTION])).verdict
    assert two.verdict == "not testable"
    assert "is 0.5 in some runs and 0.6 in others: other test examples" in two.reason
