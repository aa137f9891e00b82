"""Means over tasks: the right tasks under the right name."""

import numpy as np
import pytest

from ablate.evaluation.means import EMBEDDED, GLUE, all_means

SCORES = {key: (i + 1) / 20 for i, key in enumerate(k for keys in GLUE.values() for k in keys)}


def without(*tasks):
    gone = [key for task in tasks for key in GLUE[task]]
    return {key: value for key, value in SCORES.items() if key not in gone}


def test_glue_under_its_definitions_by_hand():
    s = SCORES
    mrpc, qqp = (s["mrpc/f1"] + s["mrpc/accuracy"]) / 2, (s["qqp/f1"] + s["qqp/accuracy"]) / 2
    stsb = (s["stsb/pearson"] + s["stsb/spearman"]) / 2
    m, mm = s["mnli/accuracy"], s["mnli_mm/accuracy"]
    seven = [s["cola/mcc"], s["sst2/accuracy"], mrpc, stsb, qqp, s["qnli/accuracy"], s["rte/accuracy"]]
    got = all_means(s)
    assert got["glue/mean_8"] == pytest.approx(np.mean([*seven, (m + mm) / 2]))
    assert got["glue/mean_9_with_wnli"] == pytest.approx(np.mean([*seven, (m + mm) / 2, s["wnli/accuracy"]]))
    assert got["glue/mean_9_mnli_twice"] == pytest.approx(np.mean([*seven, m, mm]))


def test_published_means_are_reproduced():
    """DistilBERT's table 1: the same nine scores give 97 % with WNLI and 96.2 % without (Sanh et al. 2019)."""
    names = ["cola/mcc", "mnli/accuracy", "mrpc/f1", "qnli/accuracy", "qqp/f1", "rte/accuracy", "sst2/accuracy",
             "stsb/pearson", "wnli/accuracy"]  # fmt: skip
    twins = {"mnli/accuracy": "mnli_mm/accuracy", "mrpc/f1": "mrpc/accuracy", "qqp/f1": "qqp/accuracy",
             "stsb/pearson": "stsb/spearman"}  # fmt: skip
    bert = [56.3, 84.7, 88.6, 91.8, 89.6, 69.3, 92.7, 89.0, 53.5]
    distil = [51.3, 82.2, 87.5, 89.2, 88.5, 59.9, 91.3, 86.9, 56.3]
    means = []
    for values in (bert, distil):
        scores = dict(zip(names, values, strict=True))
        means.append(all_means(scores | {twin: scores[name] for name, twin in twins.items()}))
    assert means[0]["glue/mean_9_with_wnli"] == pytest.approx(79.5, abs=0.05)
    assert means[1]["glue/mean_9_with_wnli"] == pytest.approx(77.0, abs=0.05)
    with_wnli, without_wnli = (
        means[1][f"glue/{name}"] / means[0][f"glue/{name}"] for name in ("mean_9_with_wnli", "mean_8")
    )
    assert with_wnli == pytest.approx(0.969, abs=0.001)
    assert without_wnli == pytest.approx(0.962, abs=0.001)


def test_never_a_full_name_where_a_task_is_missing():
    got = all_means(without("mnli", "mrpc", "qqp", "qnli", "wnli"))
    assert list(got) == ["glue/mean_cola_rte_sst2_stsb"]
    assert "glue/mean_8" not in all_means(without("rte"))
    assert "glue/mean_9_with_wnli" not in all_means(without("wnli"))
    assert all_means({"sst2/accuracy": 0.9}) == {}


def test_what_is_probed_has_the_same_means():
    for scores in (SCORES, without("mnli", "mrpc", "qqp", "qnli", "wnli")):
        probed = all_means({f"probe/{key}": value for key, value in scores.items()})
        assert probed == {f"probe/{key}": value for key, value in all_means(scores).items()}


def test_half_a_task_is_no_task():
    scores = {key: value for key, value in SCORES.items() if key != "stsb/spearman"}
    assert "glue/mean_8" not in all_means(scores)


@pytest.mark.parametrize("prefix", ["", "probe/"])
def test_embedded_means(prefix):
    scores = {f"{prefix}{task}/accuracy": 0.1 * i for i, task in enumerate(EMBEDDED)}
    got = all_means(scores)
    assert got == {
        f"{prefix}embedded/mean": pytest.approx(0.15),
        f"{prefix}embedded/mean_single": pytest.approx(0.05),
        f"{prefix}embedded/mean_pair": pytest.approx(0.25),
    }
    del scores[f"{prefix}topic/accuracy"]
    assert set(all_means(scores)) == {
        f"{prefix}embedded/mean_pair", f"{prefix}embedded/mean_pair_match_sentence_order_word_swap"
    }  # fmt: skip


def test_the_means_of_what_needs_no_encoder_stand_beside_them():
    """By hand: majorities 1/8, 1/2, 1/2, 1/2."""
    scores = {f"{task}/accuracy": 0.9 for task in EMBEDDED}
    majorities = dict(zip(EMBEDDED, (0.125, 0.5, 0.5, 0.5), strict=True))
    got = all_means(scores | {f"{task}/accuracy/majority": value for task, value in majorities.items()})
    assert got["embedded/mean/majority"] == pytest.approx((0.125 + 1.5) / 4)
    assert got["embedded/mean_single/majority"] == pytest.approx((0.125 + 0.5) / 2)
    assert got["embedded/mean_pair/majority"] == pytest.approx(0.5)
    assert "embedded/mean/bag_of_words" not in got
    glue = all_means(SCORES | {f"{key}/majority": 0.5 * value for key, value in SCORES.items()})
    for name in ("mean_8", "mean_9_with_wnli", "mean_9_mnli_twice"):
        assert glue[f"glue/{name}/majority"] == pytest.approx(0.5 * glue[f"glue/{name}"])


def test_no_mean_of_baselines_over_other_tasks_than_the_scores():
    scores = {f"{task}/accuracy": 0.9 for task in EMBEDDED}
    got = all_means(scores | {f"{task}/accuracy/majority": 0.5 for task in EMBEDDED[:3]})
    assert [name for name in got if "majority" in name] == ["embedded/mean_single/majority"]
