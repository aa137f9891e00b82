"""Quality against what a model costs to use: latency and parameters, with the front of arms that nothing beats."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from ablate.report.arms import chosen_arms, finished, is_higher_better, left_out, quality_metric, seeds_text
from ablate.report.figures.style import FAINT, QUIET, WIDTH, arm_styles, big_numbers, panels, styled
from ablate.report.figures.words import arm_labels, axis_label, label_ends, short
from ablate.report.material import Material, Plot
from ablate.report.units import name_of

COSTS, SHOWN = ("latency_ms", "params"), 16
APART = 1.05  # costs whose largest and smallest are within 5 % of each other are one cost

Values = Mapping[str, Mapping[int, float]]


def plots(material: Material) -> list[Plot]:
    """A plot per cost in which arms differ."""
    metric = quality_metric(material)
    if metric is None:
        return []
    quality = finished(material, metric)
    made = []
    for cost in COSTS:
        costs = {arm: v for arm, v in finished(material, cost).items() if arm in quality}
        means = [_mean(one) for one in costs.values()]
        if len(costs) > 1 and min(means) > 0 and max(means) / min(means) > APART:
            made.append(_plot(material, metric, cost, quality, costs))
    return made


def _plot(material: Material, metric: str, cost: str, quality: Values, costs: Values) -> Plot:
    arms = chosen_arms(material, list(costs), at_most=SHOWN)
    higher = is_higher_better(material, metric)
    best = front({arm: (_mean(costs[arm]), _mean(quality[arm])) for arm in arms}, higher=higher)
    caption = (
        f"{name_of(metric).capitalize()} against {name_of(cost)}, {seeds_text([len(quality[arm]) for arm in arms])} "
        "per arm. Marks: means over seeds; bars: lowest to highest seed. "
        + (
            "The line joins the arms that no other arm beats in both; "
            if len(best) > 1
            else f"{short(best[0])} beats or equals every other arm in both; "
        )
        + f"{'higher' if higher else 'lower'} and further left is better."
    )
    said = [f"{short(arm)} ({_mean(costs[arm]):.4g}, {_mean(quality[arm]):.4g})" for arm in arms]
    return Plot(
        name=f"pareto_{cost.removesuffix('_ms')}", title=f"Quality against {name_of(cost)}",
        caption=caption + left_out(len(arms), len(costs), "arms"),
        alt=f"{name_of(cost).capitalize()} and {name_of(metric)} of each arm: {'; '.join(said)}.",
        draw=partial(
            draw, arms, quality, costs, best, metric=metric, cost=cost, baseline=material.judgement.study.baseline
        ),
    )  # fmt: skip


def front(points: Mapping[str, tuple[float, float]], *, higher: bool) -> list[str]:
    """Arms that no other beats in cost and quality, by cost."""
    sign = 1.0 if higher else -1.0
    kept: list[str] = []
    for arm in sorted(points, key=lambda one: (points[one][0], -sign * points[one][1])):
        if not kept or sign * points[arm][1] > sign * points[kept[-1]][1]:
            kept.append(arm)
    return kept


@styled
def draw(
    arms: Sequence[str], quality: Values, costs: Values, best: Sequence[str], *, metric: str, cost: str, baseline: str
) -> Figure:
    """A mark per arm, named at the right."""
    figure, (axes,) = panels(1, 1, width=WIDTH, height=3.4)
    axes.plot([_mean(costs[a]) for a in best], [_mean(quality[a]) for a in best], color=FAINT, lw=4, zorder=1)
    styles, ends = arm_styles(list(arms), baseline=baseline), []
    for arm, label in zip(arms, arm_labels(arms), strict=True):
        x, y, colour = _mean(costs[arm]), _mean(quality[arm]), styles[arm][0]
        axes.plot([x, x], _range(quality[arm]), color=colour, lw=1.2)
        axes.plot(_range(costs[arm]), [y, y], color=colour, lw=1.2)
        axes.plot([x], [y], "o", color=colour, ms=6, mec="white", mew=0.7)
        ends.append((x, y, label, colour))
    axes.margins(0.08)
    big_numbers("x", axes)
    axes.grid(color=FAINT, lw=0.4)
    axes.tick_params(colors=QUIET)
    axes.set_xlabel(axis_label(cost))
    axes.set_ylabel(axis_label(metric))
    label_ends(axes, ends)
    return figure


def _mean(values: Mapping[int, float]) -> float:
    return float(np.mean(list(values.values())))


def _range(values: Mapping[int, float]) -> list[float]:
    return [min(values.values()), max(values.values())]
