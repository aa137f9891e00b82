"""Others' results: values per test example, W&B exports, mistakes in one line."""

import json

import numpy as np
import pandas as pd
import pytest

from ablate import api
from ablate.errors import UserError
from ablate.stats.claims import Claim
from ablate.stats.evidence import Evidence
from ablate.stats.verdicts import judge_claim
from ablate.studies.foreign import read_results
from ablate.studies.study import read_study

METRIC = "sst2/accuracy"
CLAIM = {"id": "better", "says": "b is better", "kind": "superiority", "contrast": "b - a", "metric": METRIC,
         "factors": ["masking"]}  # fmt: skip


def study_of(*claims, **more):
    plain = {"name": "x", "baseline": "a", "arms": ["a", "b", "low"], "seeds": 4, "claims": list(claims) or [CLAIM]}
    return read_study(plain | more)


@pytest.fixture
def scores():
    """Per arm, 4 seeds x 200 examples of 0 and 1."""
    rng = np.random.default_rng(0)
    hard = rng.random(200)
    return {
        arm: (rng.random((4, 200)) < np.clip(level - 0.4 * hard, 0, 1)).astype(float)
        for arm, level in (("a", 0.8), ("b", 1.0), ("low", 0.4))
    }  # fmt: skip


def long(scores, **more):
    rows = [
        {"arm": arm, "seed": seed, "metric": METRIC, "example": f"e{i}", "value": value, **more}
        for arm, of_arm in scores.items() for seed, of_seed in enumerate(of_arm) for i, value in enumerate(of_seed)
    ]  # fmt: skip
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def means(scores):
    rows = [(arm, s, METRIC, row.mean()) for arm, of_arm in scores.items() for s, row in enumerate(of_arm)]
    return pd.DataFrame(rows, columns=["arm", "seed", "metric", "value"])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("apart", [False, True])
def test_values_per_example_give_the_crossed_test(tmp_path, scores, suffix, apart):
    path = tmp_path / f"examples.{suffix}"
    frame = long(scores)
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    expected = judge_claim(Claim(id="c", kind="superiority", contrast="b - a"), Evidence(scores=scores))
    if apart:
        means(scores).to_csv(tmp_path / "results.csv", index=False)
        one = api.judge(tmp_path / "results.csv", study_of(), examples=path).claims[0].verdict
    else:
        one = api.judge(path, study_of()).claims[0].verdict
    assert one.method == expected.method == "crossed seeds x examples"
    assert (one.p, one.estimate, one.n) == pytest.approx((expected.p, expected.estimate, 4))
    assert one.interval == pytest.approx(expected.interval)
    seeds_alone = means(scores)
    seeds_alone.to_csv(tmp_path / "seeds.csv", index=False)
    assert api.judge(tmp_path / "seeds.csv", study_of()).claims[0].verdict.method == "one-sample t"


def test_the_control_and_losses_are_crossed_too(tmp_path, scores):
    claim = CLAIM | {"kind": "non_inferiority", "margin": 0.05, "metric": "val/mlm_loss"}
    losses = long({arm: 1 - of_arm for arm, of_arm in scores.items()}).drop(columns="metric")
    losses.to_csv(tmp_path / "losses.csv", index=False)
    one = api.judge(tmp_path / "losses.csv", study_of(claim, control="low")).claims[0].verdict
    expected = judge_claim(
        Claim(id="c", kind="non_inferiority", contrast="b - a", margin=0.05),
        Evidence(scores=scores, control=scores["low"]),
    )
    assert one.verdict == expected.verdict == "supported"
    assert one.p == pytest.approx(expected.p)


def test_a_control_without_examples_is_told_apart_by_seeds(tmp_path, scores):
    claim = CLAIM | {"kind": "non_inferiority", "margin": 0.05}
    means(scores).to_csv(tmp_path / "results.csv", index=False)
    long({arm: scores[arm] for arm in ("a", "b")}).to_csv(tmp_path / "examples.csv", index=False)
    judged = api.judge(
        tmp_path / "results.csv", study_of(claim, control="low"), examples=tmp_path / "examples.csv"
    ).claims[0]  # fmt: skip
    assert (judged.verdict.verdict, judged.verdict.method) == ("supported", "crossed seeds x examples")
    assert "the control low has no values per example: by seeds alone" in judged.notes
    near = means(scores | {"low": scores["a"]})
    near.to_csv(tmp_path / "results.csv", index=False)
    plateau = api.judge(tmp_path / "results.csv", study_of(claim, control="low"), examples=tmp_path / "examples.csv")
    assert plateau.claims[0].verdict.verdict == "not testable"


def test_results_without_examples_stand_beside_those_with_them(tmp_path, scores):
    other = means(scores).assign(metric="embedded/mean", value=lambda f: f["value"] / 2)
    pd.concat([long(scores), other]).to_csv(tmp_path / "r.csv", index=False)
    claims = (CLAIM, CLAIM | {"id": "mean", "metric": "embedded/mean"})
    crossed, plain = (one.verdict for one in api.judge(tmp_path / "r.csv", study_of(*claims)).claims)
    assert (crossed.method, plain.method) == ("crossed seeds x examples", "one-sample t")
    assert plain.estimate == pytest.approx(crossed.estimate / 2)
    with pytest.raises(UserError, match="has values per example itself"):
        api.judge(tmp_path / "r.csv", study_of(*claims), examples=tmp_path / "r.csv")


def test_a_column_per_metric_loses_no_measurement(tmp_path, scores):
    wide = means(scores).rename(columns={"value": METRIC}).drop(columns="metric")
    twice = pd.concat([wide.assign(finetuning_seed=0), wide.assign(finetuning_seed=1)])
    twice.assign(latency_ms=1.0 + twice["seed"], note="n/a", run="x").to_csv(tmp_path / "r.csv", index=False)
    (run, *_) = read_results(tmp_path / "r.csv")
    assert set(run.metrics) == {METRIC, "latency_ms"}
    wide.astype({METRIC: object}).replace({METRIC: {wide[METRIC].iloc[2]: "diverged"}}).to_csv(
        tmp_path / "r.csv", index=False
    )
    with pytest.raises(UserError, match="row 4: value=diverged is not a number"):
        read_results(tmp_path / "r.csv")


def test_fine_tuning_seeds_are_averaged_within_their_seed_and_example(tmp_path, scores):
    both = pd.concat([long(scores, finetuning_seed=0), long({a: 1 - s for a, s in scores.items()}, finetuning_seed=1)])
    both.to_csv(tmp_path / "r.csv", index=False)
    one = api.judge(tmp_path / "r.csv", study_of()).claims[0].verdict
    assert one.verdict == "not testable"  # a value and its opposite average to one half everywhere
    assert "identical" in one.reason


def test_other_examples_are_said_and_seeds_alone_tested(tmp_path, scores):
    frame = long(scores)
    frame = frame[~((frame["arm"] == "b") & (frame["seed"] == 2) & (frame["example"] == "e7"))]
    frame.to_csv(tmp_path / "r.csv", index=False)
    judged = api.judge(tmp_path / "r.csv", study_of()).claims[0]
    assert judged.verdict.method == "one-sample t"
    assert "the runs have values of different examples, so seeds alone are tested, on this test set" in judged.notes


def test_a_value_that_is_no_number_is_no_verdict(tmp_path, scores):
    scores["b"][1, 3] = np.nan
    long(scores).to_csv(tmp_path / "r.csv", index=False)
    one = api.judge(tmp_path / "r.csv", study_of()).claims[0].verdict
    assert one.verdict == "not testable"
    assert "not a finite number" in one.reason


def test_a_fine_tuning_without_a_value_is_not_averaged_away(tmp_path, scores):
    both = pd.concat([long(scores, finetuning_seed=seed) for seed in (0, 1)], ignore_index=True)
    lost = (both["arm"] == "b") & (both["seed"] == 1) & (both["example"] == "e3") & (both["finetuning_seed"] == 1)
    both.loc[lost, "value"] = np.nan
    both.to_csv(tmp_path / "r.csv", index=False)
    one = api.judge(tmp_path / "r.csv", study_of()).claims[0].verdict
    assert (one.verdict, "not a finite number" in one.reason) == ("not testable", True)


def test_mistakes_in_examples_are_one_line(tmp_path, scores):
    frame = long(scores)
    cases = {
        "is there twice": pd.concat([frame, frame[:1]]),
        "example is not there": frame.drop(columns="example"),
        "value is not there": frame.drop(columns="value"),
        "examples of sst2/accuracy, a, seed 0 average to": frame.assign(value=1.0 - frame["value"]),
    }
    means(scores).to_csv(tmp_path / "results.csv", index=False)
    for words, wrong in cases.items():
        wrong.to_csv(tmp_path / "examples.csv", index=False)
        with pytest.raises(UserError) as caught:
            api.judge(tmp_path / "results.csv", study_of(), examples=tmp_path / "examples.csv")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    two = study_of(CLAIM, CLAIM | {"id": "other", "metric": "cola/mcc"})
    frame.drop(columns="metric").to_csv(tmp_path / "examples.csv", index=False)
    with pytest.raises(UserError, match="has no column metric"):
        api.judge(tmp_path / "examples.csv", two)
    with pytest.raises(UserError, match="examples go with a file of results"):
        api.judge(tmp_path, two, examples=tmp_path / "examples.csv")


VALUES = {"a": [0.80, 0.81, 0.79, 0.82], "b": [0.90, 0.92, 0.88, 0.93]}


def ui_export(**changes):
    """What the run table's page gives: text, an empty cell where a run has no such key."""
    rows = [
        {"Name": f"{arm}-seed-{seed}", "State": "finished", "Notes": "-", "User": "me", "Tags": "", "Group": "x",
         "JobType": arm, "Created": "2026-01-01", "Runtime": "100", "seed": str(seed), "optim.lr": "0.001",
         "model.name": "tiny", "nsp": "true", METRIC: str(value), "_step": "40"}
        for arm, values in VALUES.items() for seed, value in enumerate(values)
    ]  # fmt: skip
    for column, value in changes.items():
        rows[0][column] = value
    return rows


def judged_wandb(path, study=None):
    return api.judge(path, study or study_of()).claims[0]


def test_a_wandb_export_is_judged_like_the_csv(tmp_path):
    pd.DataFrame(ui_export()).to_csv(tmp_path / "wandb.csv", index=False)
    plain = [(arm, seed, METRIC, v) for arm, values in VALUES.items() for seed, v in enumerate(values)]
    pd.DataFrame(plain, columns=["arm", "seed", "metric", "value"]).to_csv(tmp_path / "plain.csv", index=False)
    one, other = judged_wandb(tmp_path / "wandb.csv"), judged_wandb(tmp_path / "plain.csv")
    assert one.verdict == other.verdict
    assert one.verdict.verdict == "supported"
    assert one.registered is None
    assert set(api.load(tmp_path / "wandb.csv")["arm"]) == {"a", "b"}


@pytest.mark.parametrize("nested", ["objects", "text", "wrapped"])
def test_a_wandb_export_of_config_and_summary(tmp_path, nested):
    def spelt(plain):
        made = {k: {"value": v} for k, v in plain.items()} if nested == "wrapped" else plain
        return str(made) if nested == "text" else made

    rows = [
        {"name": f"run {arm}{seed}", "state": "finished", "config": spelt({"arm": arm, "seed": seed, "lr": 0.1}),
         "summary": {"sst2": {"accuracy": value}, METRIC: value, "_runtime": 3}}
        for arm, values in VALUES.items() for seed, value in enumerate(values)
    ]  # fmt: skip
    (tmp_path / "runs.json").write_text(json.dumps(rows))
    assert judged_wandb(tmp_path / "runs.json").verdict.verdict == "supported"
    if nested == "text":
        pd.DataFrame(rows).to_csv(tmp_path / "runs.csv", index=False)
        assert judged_wandb(tmp_path / "runs.csv").verdict.verdict == "supported"


def test_arm_and_seed_from_the_name_where_nothing_else_says(tmp_path):
    rows = [{k: v for k, v in row.items() if k not in ("Group", "JobType", "seed")} for row in ui_export()]
    pd.DataFrame(rows).to_csv(tmp_path / "w.csv", index=False)
    assert judged_wandb(tmp_path / "w.csv").verdict.n == 4


def test_crashed_runs_take_their_pair_unless_one_finished(tmp_path):
    rows = ui_export(State="crashed")
    pd.DataFrame(rows).to_csv(tmp_path / "w.csv", index=False)
    one = judged_wandb(tmp_path / "w.csv")
    assert one.verdict.n == 3
    assert "seed 0 is left out: a failed: W&B says that a-seed-0 is crashed" in one.notes
    pd.DataFrame([*rows, ui_export()[0]]).to_csv(tmp_path / "w.csv", index=False)
    assert judged_wandb(tmp_path / "w.csv").verdict.n == 4


def test_nan_in_a_wandb_export_is_no_missing_cell(tmp_path):
    pd.DataFrame(ui_export(**{METRIC: "NaN"})).to_csv(tmp_path / "w.csv", index=False)
    one = judged_wandb(tmp_path / "w.csv").verdict
    assert one.verdict == "not testable"
    assert "not a finite number" in one.reason
    pd.DataFrame(ui_export(**{METRIC: ""})).to_csv(tmp_path / "w.csv", index=False)
    missing = judged_wandb(tmp_path / "w.csv")
    assert missing.verdict.n == 3
    assert "seed 0 is left out: a has no sst2/accuracy" in missing.notes


def test_mistakes_in_a_wandb_export_are_one_line(tmp_path):
    nameless = [row | {"Name": "lucky-sun", "JobType": "", "Group": ""} for row in ui_export()]
    unseeded = [row | {"Name": "lucky-sun", "seed": ""} for row in ui_export()]
    twice = [*ui_export(), ui_export()[0]]
    for rows, words in ((nameless, "its arm is not known"), (unseeded, "its seed is not known"),
                        (twice, "a, seed 0 is there twice, and both runs are finished")):  # fmt: skip
        pd.DataFrame(rows).to_csv(tmp_path / "w.csv", index=False)
        with pytest.raises(UserError) as caught:
            judged_wandb(tmp_path / "w.csv")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    (tmp_path / "w.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read as json"):
        judged_wandb(tmp_path / "w.json")
