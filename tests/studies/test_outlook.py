"""Planning: detectable effects and power against the noncentral t, from stated noise and from pilots."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic_runs import write_run

from ablate.errors import UserError
from ablate.runs.collect import collect
from ablate.stats.crossed import estimate_crossed
from ablate.studies.outlook import outlooks, pilot_noise
from ablate.studies.study import read_study

CLAIM = {"id": "a", "says": "s", "kind": "superiority", "contrast": "b - bert", "metric": "val/mlm_loss",
         "margin": 0.1, "factors": ["nsp"]}  # fmt: skip


def study_of(*claims, seeds=5):
    return read_study({"name": "x", "baseline": "bert", "arms": ["bert", "b", "c"], "seeds": seeds,
                       "claims": list(claims)})  # fmt: skip


def power(effect, sd, *, n, alpha):
    critical = stats.t.isf(alpha, n - 1)
    return stats.nct.sf(critical, n - 1, effect / sd * np.sqrt(n))


def test_power_is_that_of_the_noncentral_t_under_holm():
    study = study_of(CLAIM, CLAIM | {"id": "b", "contrast": "c - bert"})
    for _, plan in outlooks(study, {"val/mlm_loss": 0.08}, ()):
        assert plan.power == pytest.approx(power(0.1, 0.08, n=5, alpha=0.025), abs=1e-6)
        assert power(plan.mde, 0.08, n=5, alpha=0.025) == pytest.approx(0.8, abs=1e-3)


def test_noise_scales_with_the_contrast():
    four = CLAIM | {"contrast": "b - bert - c + b", "id": "four"}
    (_, plain), (_, scaled) = outlooks(study_of(CLAIM, four), {"val/mlm_loss": 0.08}, ())
    assert scaled.mde == pytest.approx(plain.mde * np.sqrt((4 + 1 + 1) / 2))


def test_a_speeds_noise_is_a_share():
    fast = CLAIM | {"kind": "speed", "contrast": "bert / b", "metric": "latency_ms", "threshold": 1.6, "effect": 1.9}
    del fast["margin"]
    ((_, plan),) = outlooks(study_of(fast), {"latency_ms": 0.05}, ())
    assert 1.0 < plan.mde < 1.2
    with pytest.raises(UserError, match="latency_ms=3: a is about a ratio, whose noise is a share of it"):
        outlooks(study_of(fast), {"latency_ms": 3.0}, ())


def test_unknown_noise_and_exact_claims_have_no_plan():
    exact = {"id": "e", "says": "s", "kind": "exact", "contrast": {"check": "kl_is_cross_entropy"}}
    assert [plan for _, plan in outlooks(study_of(CLAIM, exact), {}, ())] == [None, None]


def test_pilots_give_the_upper_limit_of_their_spread(tmp_path):
    differences = [0.1, 0.3, 0.2]
    for seed, difference in enumerate(differences):
        write_run(tmp_path, "bert", seed, {"val/mlm_loss": 4.0 + seed})
        write_run(tmp_path, "b", seed, {"val/mlm_loss": 4.0 + seed - difference})
    noise = pilot_noise(study_of(CLAIM).claims[0], collect(tmp_path))
    limit = np.std(differences, ddof=1) * np.sqrt(2 / stats.chi2.ppf(0.2, 2))
    assert noise["b - bert"].sd == pytest.approx(limit)


def test_pilots_with_predictions_count_the_test_set(tmp_path):
    """Half of the examples are right in one arm and not in the other, in every seed alike: more seeds tell no more."""
    rng = np.random.default_rng(0)
    made = {"bert": rng.random((4, 60)) < 0.5, "b": rng.random((4, 60)) < 0.7}
    for arm, right in made.items():
        for seed, row in enumerate(right):
            directory = write_run(tmp_path, arm, seed, {"sst2/accuracy": float(row.mean())})
            (directory / "predictions").mkdir()
            pd.DataFrame(
                {"id": range(60), "label": 1, "prediction": row.astype(int), "score": 0.0, "finetuning_seed": 0}
            ).to_parquet(directory / "predictions" / "sst2.parquet")
    claim = CLAIM | {"metric": "sst2/accuracy"}
    noise = pilot_noise(study_of(claim).claims[0], collect(tmp_path))["b - bert"]
    expected = estimate_crossed(made["b"].astype(float) - made["bert"].astype(float)).floor
    assert noise.floor == pytest.approx(float(expected)) and noise.floor > 0
    ((_, plan),) = outlooks(study_of(claim), {}, collect(tmp_path))
    ((_, stated),) = outlooks(study_of(claim), {"sst2/accuracy": noise.sd}, ())
    assert (plan.floor, stated.floor) == (noise.floor, 0.0)
    assert plan.mde > stated.mde
