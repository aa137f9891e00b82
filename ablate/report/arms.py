"""Which arms a report shows, and what of the study's material belongs to them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ablate.report.material import Material
from ablate.studies.encodings import is_of_encoding
from ablate.studies.metrics import is_better_higher


def finished(material: Material, metric: str) -> dict[str, dict[int, float]]:
    """Finite values of a metric by arm, in the study's order, then by seed, at the judged seeds; no empty arms."""
    seeds, found = set(material.judgement.seeds), dict[str, dict[int, float]]()
    for arm in material.judgement.study.arms:
        found[arm] = {}
    for run in material.runs:
        if run.arm in found and run.seed in seeds and np.isfinite(run.metrics.get(metric, np.nan)):
            found[run.arm][run.seed] = float(run.metrics[metric])
    return {arm: values for arm, values in found.items() if values}


def of_other_tokens(material: Material) -> list[str]:
    """Arms whose text is cut into other tokens than the baseline's: losses per token of both are of different kinds."""
    return [arm for arm, keys in material.changes.items() if any(is_of_encoding(key) for key in keys)]


def main_metrics(material: Material) -> list[str]:
    """The metrics of the study's claims, those of most claims first; held-out loss where no claim names one."""
    counted = Counter(claim.metric for claim in material.judgement.study.claims if claim.metric)
    return [metric for metric, _ in counted.most_common()] or ["val/mlm_loss"]


def quality_metric(material: Material) -> str | None:
    """The first of the claims' metrics that says how good a model is and that at least two arms have."""
    asked = [*main_metrics(material), "val/mlm_loss"]
    good = [metric for metric in asked if metric.startswith(("val/", "probe/", "embedded/", "glue/")) or "/" in metric]
    good = [metric for metric in good if not metric.startswith("train/") and not metric.startswith("latency")]
    return next((metric for metric in good if len(finished(material, metric)) > 1), None)


def is_higher_better(material: Material, metric: str) -> bool:
    """Whether larger is better, by the claims or by the metric's name; unknown names count as scores."""
    for claim in material.judgement.study.claims:
        if claim.metric == metric:
            return claim.higher_is_better
    return is_better_higher(metric, stated=None) if _is_known(metric) else True


def _is_known(metric: str) -> bool:
    try:
        is_better_higher(metric)
    except ValueError:
        return False
    return True


def chosen_arms(material: Material, candidates: Sequence[str], *, at_most: int) -> list[str]:
    """At most so many of the candidates, in the study's order: the baseline, those that claims name, then the rest."""
    study = material.judgement.study
    named = [arm for claim in study.claims for arm in claim.arms]
    wanted = list(dict.fromkeys([study.baseline, *named, *study.arms]))
    kept = set([arm for arm in wanted if arm in candidates][:at_most])
    return [arm for arm in candidates if arm in kept]


def left_out(shown: int, there: int, what: str) -> str:
    """A sentence for the caption where not everything is drawn; else nothing."""
    return f" {there - shown} further {what} are not drawn; the tables have them." if there > shown else ""


def seeds_text(counts: Sequence[int]) -> str:
    """`n = 5 seeds`, or `n = 3 to 5 seeds` where arms differ."""
    low, high = min(counts), max(counts)
    if low == high:
        return f"n = {low} {'seed' if low == 1 else 'seeds'}"
    return f"n = {low} to {high} seeds"
