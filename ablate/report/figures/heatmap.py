"""Every task of every arm: scores as numbers, differences from the baseline as colour."""

import re
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ablate.report.arms import chosen_arms, finished, left_out, seeds_text
from ablate.report.figures.style import INK, WIDTH, panels, styled
from ablate.report.figures.words import arm_labels, short, wrapped
from ablate.report.material import Material, Plot
from ablate.report.units import SHARE, name_of, unit_of

ARMS, TASKS = 24, 12
_LETTERS = 92  # of a heading's size beside one another, rows' names included
_NO_TASK = ("val", "train", "embedded", "glue", "latency_ms")


def plots(material: Material) -> list[Plot]:
    """The map, where at least two arms have scores of at least two tasks."""
    metrics = task_metrics(material)
    values = {metric: finished(material, metric) for metric in metrics}
    there = [arm for arm in material.judgement.study.arms if any(arm in of_arm for of_arm in values.values())]
    if len(metrics) < 2 or len(there) < 2:
        return []
    arms = chosen_arms(material, there, at_most=ARMS)
    shown = metrics[:TASKS]
    frame = pd.DataFrame(
        [[np.mean(list(values[m][arm].values())) if arm in values[m] else np.nan for m in shown] for arm in arms],
        index=arms, columns=shown,
    )  # fmt: skip
    counts = [len(values[m][arm]) for m in shown for arm in arms if arm in values[m]]
    of_probes = "of frozen probes " if all(metric.startswith("probe/") for metric in shown) else ""
    caption = (
        f"Scores {of_probes}per task, {seeds_text(counts)} per arm. Numbers: mean over seeds, 0 to 1; colour: the "
        f"difference from the baseline, {short(material.judgement.study.baseline)}, whose row is white."
    )
    caption += left_out(len(arms), len(there), "arms") + left_out(len(shown), len(metrics), "tasks")
    best = "; ".join(f"{name_of(m)} is best in {short(str(frame[m].idxmax()))} ({frame[m].max():.3f})" for m in shown)
    return [
        Plot(
            name="tasks", title="Scores per task", caption=caption, alt=f"Heat map of scores: {best}.",
            draw=partial(draw, frame, material.judgement.study.baseline),
        )
    ]  # fmt: skip


def task_metrics(material: Material) -> list[str]:
    """The score of each task, fine-tuned where it was, else probed; without medians and single fine-tunings."""
    names = dict.fromkeys(name for run in material.runs for name in run.metrics)
    scores = [name for name in names if unit_of(name) == SHARE and name.split("/")[0] not in _NO_TASK]
    scores = [name for name in scores if not name.startswith(("probe/embedded", "probe/glue"))]
    tuned = sorted(name for name in scores if name.count("/") == 1)
    return tuned or sorted(name for name in scores if name.startswith("probe/") and name.count("/") == 2)


@styled
def draw(frame: pd.DataFrame, baseline: str) -> Figure:
    """seaborn's heat map: a row per arm, a column per task."""
    base = frame.loc[baseline] if baseline in frame.index else frame.mean()
    difference = (frame - base).astype(float)
    limit = float(np.nanmax(np.abs(difference.to_numpy()), initial=0.0)) or 0.01
    rows = arm_labels([str(arm) for arm in frame.index], 32)
    names = [name_of(str(name)).removesuffix(", probe") for name in frame.columns]
    headings, turned = _headings(names, width=int((_LETTERS - 1.3 * max(map(len, rows))) / len(names)))
    figure, (axes,) = panels(1, 1, width=WIDTH, height=0.9 + 0.5 * turned + 0.29 * len(frame))
    sns.heatmap(
        difference, ax=axes, cmap=sns.color_palette("vlag_r", as_cmap=True), vmin=-limit, vmax=limit,
        annot=frame.to_numpy(), fmt=".3f", annot_kws={"fontsize": 8 if frame.shape[1] <= 8 else 6.5},
        linewidths=1.0, linecolor="white", cbar_kws={"label": "difference from\nthe baseline", "aspect": 12},
        xticklabels=headings,
        yticklabels=rows,
    )  # fmt: skip
    axes.tick_params(length=0, labelcolor=INK)
    axes.set(xlabel="", ylabel="")
    axes.xaxis.tick_top()
    axes.tick_params(axis="both", rotation=0)
    if turned:
        for label in axes.get_xticklabels():
            label.set(rotation=35, ha="left", rotation_mode="anchor")
    return figure


def _headings(names: Sequence[str], *, width: int) -> tuple[list[str], bool]:
    """What stands above columns of so many letters, and whether it is turned: where words would have to be cut."""
    if any(len(word) > width for name in names for word in re.split("[ _]", name)):
        return [short(name, 26) for name in names], True
    return [wrapped(name, width, lines=3) for name in names], False
