"""Scaling curves: one number of the recipe varied over at least three arms (data, budget, batch), on log axes."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ablate.report.arms import finished, is_higher_better, quality_metric, seeds_text
from ablate.report.figures.levels import Layout, layout_of
from ablate.report.figures.style import FAINT, HUES, NARROW, log_axis, panels, styled
from ablate.report.figures.words import axis_label, wrapped
from ablate.report.material import Material, Plot
from ablate.report.units import name_of, short_number

_NAMES = {
    "data.fraction": "share of the training documents",
    "optim.batch_tokens": "tokens per update",
    "optim.lr": "learning rate",
    "model.layers": "layers",
    "model.width": "width",
}
Point = tuple[float, str]  # the number and the arm


def plots(material: Material) -> list[Plot]:
    """A curve per factor that arms vary as a number, all else equal."""
    metric = quality_metric(material)
    if metric is None:
        return []
    values, layout = finished(material, metric), layout_of(material)
    made = []
    for factor in layout.factors:
        found = max(varied(layout, factor, arms=list(values)), key=lambda one: len(one[1]), default=None)
        if found is not None:
            made.append(_plot(material, factor, *found, metric=metric, values=values))
    return made


def varied(layout: Layout, factor: str, *, arms: Sequence[str]) -> list[tuple[str, list[Point]]]:
    """The key and, in its order, the arms that differ in nothing but this factor: at least three."""
    contexts: dict[object, dict[object, str]] = {}
    for arm in arms:
        if arm in layout.of_arm:
            context = layout.context(arm, without=(factor,))
            contexts.setdefault(context, {}).setdefault(layout.level(arm, factor), arm)
    found = []
    for of_level in contexts.values():
        levels = [level for level in of_level if isinstance(level, tuple)]
        key = layout.number(factor, levels) if len(levels) > 2 else None
        if key is not None:
            found.append((key, sorted((float(layout.value(factor, x, key)), of_level[x]) for x in levels)))
    return found


def _plot(
    material: Material, factor: str, key: str, points: list[Point], *, metric: str,
    values: Mapping[str, Mapping[int, float]],
) -> Plot:  # fmt: skip
    lower = not is_higher_better(material, metric)
    label = _label(material, key)
    said = [f"{short_number(x)}: {np.mean(list(values[arm].values())):.4g}" for x, arm in points]
    counts = [len(values[arm]) for _, arm in points]
    caption = (
        f"{name_of(metric).capitalize()} against {label}, all else equal, {seeds_text(counts)} per arm. Line and "
        f"marks: mean over seeds; small dots: single seeds. {'Both axes are' if lower else 'The horizontal axis is'} "
        "logarithmic."
    )
    if len(named := spaced(points)) < len(points):
        caption += f" {len(points) - len(named)} of the {len(points)} arms are drawn without their names."
    return Plot(
        name=f"scaling_{factor}", title=f"Scaling with {factor.replace('_', ' ')}", caption=caption,
        alt=f"{name_of(metric).capitalize()} by {label}: {'; '.join(said)}.",
        draw=partial(draw, points, values, label=label, metric=metric, log=lower),
    )  # fmt: skip


def spaced(points: Sequence[Point]) -> list[Point]:
    """The points whose names have room: a tenth of the axis between neighbours."""
    room = 0.1 * math.log(points[-1][0] / points[0][0])
    kept = [points[0]]
    for point in points[1:]:
        if math.log(point[0] / kept[-1][0]) >= room - 1e-9:
            kept.append(point)
    return kept


def _label(material: Material, key: str) -> str:
    if key == "budget.amount":
        matched = {run.identity.get("budget", {}).get("match") for run in material.runs if run.identity}
        if len(matched) == 1:
            return f"training {matched.pop()}"
    return _NAMES.get(key, key)


@styled
def draw(
    points: Sequence[Point], values: Mapping[str, Mapping[int, float]], *, label: str, metric: str, log: bool
) -> Figure:
    """The curve, with every arm named below its mark; the vertical axis is logarithmic for losses."""
    figure, (axes,) = panels(1, 1, width=NARROW + 0.6, height=3.3)
    for x, arm in points:
        single = list(values[arm].values())
        axes.plot([x] * len(single), single, ".", color=HUES[0], ms=5, alpha=0.5, mew=0)
    means = [float(np.mean(list(values[arm].values()))) for _, arm in points]
    axes.plot([x for x, _ in points], means, marker="o", ms=6 if len(points) <= 20 else 2.5, color=HUES[0])
    named = spaced(points)
    names = [f"{short_number(x)}\n{wrapped(arm, 12, lines=3)}" for x, arm in named]
    log_axis("x", axes, ticks=[x for x, _ in named], names=names)
    low, high = axes.get_ylim()
    if log and low > 0:
        ticks = [t for t in MaxNLocator(6).tick_values(low, high) if low <= t <= high]
        log_axis("y", axes, ticks=[float(t) for t in ticks])
    axes.margins(x=0.12)
    axes.grid(color=FAINT, lw=0.4)
    axes.set_xlabel(label)
    axes.set_ylabel(axis_label(metric))
    return figure
