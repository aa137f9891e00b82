"""Means over tasks, under names that say what is in them: never a full name where a task is missing."""

from collections.abc import Mapping

import numpy as np

EMBEDDED_SINGLE = ("topic", "word_swap")
EMBEDDED_PAIR = ("pair_match", "sentence_order")
EMBEDDED = (*EMBEDDED_SINGLE, *EMBEDDED_PAIR)
# What GLUE averages within a task before it averages tasks (Wang et al. 2019): metrics by the test set's name.
GLUE = {
    "cola": ("cola/mcc",),
    "sst2": ("sst2/accuracy",),
    "mrpc": ("mrpc/f1", "mrpc/accuracy"),
    "stsb": ("stsb/pearson", "stsb/spearman"),
    "qqp": ("qqp/f1", "qqp/accuracy"),
    "mnli": ("mnli/accuracy", "mnli_mm/accuracy"),
    "qnli": ("qnli/accuracy",),
    "rte": ("rte/accuracy",),
    "wnli": ("wnli/accuracy",),
}
GLUE_8 = tuple(name for name in GLUE if name != "wnli")


BASELINES = ("majority", "bag_of_words")


def all_means(metrics: Mapping[str, float]) -> dict[str, float]:
    """Every mean that the metrics allow, of fine-tuned scores and, under `probe/`, of the probe's.

    Beside each, `<mean>/majority` and `<mean>/bag_of_words`: the same mean of what needs no encoder.
    """
    found = _means(metrics)
    for baseline in BASELINES:
        simple = _means(
            {key.removesuffix(f"/{baseline}"): v for key, v in metrics.items() if key.endswith(f"/{baseline}")}
        )
        found |= {f"{name}/{baseline}": value for name, value in simple.items() if name in found}
    return found


def _means(metrics: Mapping[str, float]) -> dict[str, float]:
    probed = {key.removeprefix("probe/"): value for key, value in metrics.items() if key.startswith("probe/")}
    of_probes = embedded_means(probed) | glue_means(probed)
    return embedded_means(metrics) | glue_means(metrics) | {f"probe/{key}": value for key, value in of_probes.items()}


def is_mean(name: str) -> bool:
    """Whether a metric is one of these means."""
    return name.removeprefix("probe/").startswith(("embedded/mean", "glue/mean"))


def embedded_means(metrics: Mapping[str, float]) -> dict[str, float]:
    """`embedded/mean`, `embedded/mean_single`, `embedded/mean_pair`; with tasks missing, the names of those present."""
    found = {}
    suites = {"mean": EMBEDDED, "mean_single": EMBEDDED_SINGLE, "mean_pair": EMBEDDED_PAIR}
    for name, tasks in suites.items():
        scores = {task: metrics[key] for task in tasks if (key := f"{task}/accuracy") in metrics}
        if len(scores) == len(tasks):
            found[f"embedded/{name}"] = float(np.mean(list(scores.values())))
        elif name == "mean" and len(scores) > 1:
            found[f"embedded/mean_{'_'.join(sorted(scores))}"] = float(np.mean(list(scores.values())))
    return found


def glue_means(metrics: Mapping[str, float]) -> dict[str, float]:
    """The GLUE score under its published definitions; with tasks missing, one mean named by the tasks in it.

    `glue/mean_8`: without WNLI (BERT, RoBERTa's dev tables). `glue/mean_9_with_wnli`: all nine (DistilBERT, the
    leaderboard). `glue/mean_9_mnli_twice`: without WNLI, MNLI's two test sets as two tasks (Geiping & Goldstein 2023).
    """
    scores = {
        task: float(np.mean([metrics[key] for key in keys]))
        for task, keys in GLUE.items() if all(key in metrics for key in keys)
    }  # fmt: skip
    if set(GLUE_8) <= scores.keys():
        eight = [scores[task] for task in GLUE_8]
        halves = [scores[task] for task in GLUE_8 if task != "mnli"] + [metrics[key] for key in GLUE["mnli"]]
        found = {"glue/mean_8": float(np.mean(eight)), "glue/mean_9_mnli_twice": float(np.mean(halves))}
        if "wnli" in scores:
            found["glue/mean_9_with_wnli"] = float(np.mean(list(scores.values())))
        return found
    if len(scores) < 2:
        return {}
    return {f"glue/mean_{'_'.join(sorted(scores))}": float(np.mean(list(scores.values())))}
