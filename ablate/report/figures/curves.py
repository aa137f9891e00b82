"""Learning curves: what was logged during training, averaged over seeds, against tokens and against seconds."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.report.arms import chosen_arms, finished, left_out, of_other_tokens, seeds_text
from ablate.report.figures.style import FAINT, QUIET, WIDTH, arm_styles, big_numbers, panels, styled
from ablate.report.figures.words import arm_labels, axis_label, label_ends, short, wrapped
from ablate.report.material import Material, Plot
from ablate.report.units import name_of
from ablate.report.words import listed

TOGETHER, SHOWN, COLUMNS = 6, 12, 3  # arms in one panel; arms at most, then in panels of their own
AXES = {"tokens": "training tokens", "seconds": "training time, s"}


def plots(material: Material) -> list[Plot]:
    """Held-out loss (training loss where it was not measured on the way) against tokens and seconds."""
    curves = material.curves
    if curves.empty:
        return []
    curves = curves[curves["arm"].isin(material.judgement.study.arms) & curves["seed"].isin(material.judgement.seeds)]
    curves = _of_whole_runs(curves, material)
    metric = next((name for name in ("val/mlm_loss", "train/loss") if _has_curve(curves, name)), None)
    if metric is None:
        return []
    found = [averaged(curves, metric, x) for x in AXES]
    floor = plateau(material) if metric == "val/mlm_loss" else None
    return [_plot(material, metric, x, frame, floor) for x, frame in zip(AXES, found, strict=True) if not frame.empty]


def _of_whole_runs(curves: pd.DataFrame, material: Material) -> pd.DataFrame:
    """Without unfinished runs, which would end a mean where they are; an arm that has no other keeps them."""
    whole = {(run.arm, run.seed) for run in material.runs if run.state == "done"}
    arms = {arm for arm, _ in whole}
    kept = [arm not in arms or (arm, seed) in whole for arm, seed in zip(curves["arm"], curves["seed"], strict=True)]
    return curves[kept]


def plateau(material: Material) -> float | None:
    """The loss of a model that knows word frequencies alone; None where arms differ in it, or it is not known."""
    known = [value for of_arm in finished(material, "val/unigram_loss").values() for value in of_arm.values()]
    return known[0] if known and max(known) - min(known) < 1e-6 else None


def _has_curve(curves: pd.DataFrame, metric: str) -> bool:
    """Whether some run logged the metric more than once."""
    if metric not in curves:
        return False
    return bool(curves.dropna(subset=[metric]).groupby(["arm", "seed"]).size().gt(1).any())


def averaged(curves: pd.DataFrame, metric: str, x: str) -> pd.DataFrame:
    """Per arm and step: x (mean over seeds), mean, low and high of the metric, n; only steps that all its seeds share.

    Seeds reach a step after different seconds, so seconds are averaged at equal steps.
    """
    rows = curves.dropna(subset=[metric, x]).drop_duplicates(["arm", "seed", "step"], keep="last")
    grouped = rows.groupby(["arm", "step"], sort=True)
    frame = pd.DataFrame(
        {"x": grouped[x].mean(), "mean": grouped[metric].mean(), "low": grouped[metric].min(),
         "high": grouped[metric].max(), "n": grouped[metric].size()}
    ).reset_index()  # fmt: skip
    return frame[frame["n"] == frame.groupby("arm")["n"].transform("max")].reset_index(drop=True)


def _plot(material: Material, metric: str, x: str, frame: pd.DataFrame, floor: float | None) -> Plot:
    there = [arm for arm in material.judgement.study.arms if (frame["arm"] == arm).any()]
    arms = chosen_arms(material, there, at_most=SHOWN)
    counts = [int(frame.loc[frame["arm"] == arm, "n"].max()) for arm in arms]
    caption = (
        f"{name_of(metric).capitalize()} during training, {seeds_text(counts)} per arm. Lines: mean over seeds; "
        f"bands: lowest to highest seed. "
        + ("Seconds are averaged over seeds at equal steps. " if x == "seconds" else "")
    )
    if floor is not None:
        caption += f"Dashed: the loss of word frequencies alone, {floor:.2f} nats. "
    others = [arm for arm in of_other_tokens(material) if arm in arms]
    if others:
        caption += f"{listed(others)}: of other tokens than the baseline's, so heights of lines do not compare. "
    if len(arms) > TOGETHER:
        caption += f"Grey in each panel: the baseline, {short(material.judgement.study.baseline)}. "
    return Plot(
        name=f"curves_{x}", title=f"Learning curves against {AXES[x].removesuffix(', s')}",
        caption=caption.strip() + left_out(len(arms), len(there), "arms"), alt=_alt(frame, arms, metric, x),
        draw=partial(draw, frame, arms, material.judgement.study.baseline, metric=metric, x=x, floor=floor),
    )  # fmt: skip


@styled
def draw(
    frame: pd.DataFrame, arms: Sequence[str], baseline: str, *, metric: str, x: str, floor: float | None = None
) -> Figure:
    """One panel with named lines for a few arms; else a panel per arm with the baseline behind."""
    of_arm = {arm: frame[frame["arm"] == arm] for arm in arms}
    shown = frame[frame["arm"].isin(arms)]
    limits, longest = _limits(shown, floor), float(shown["x"].max())
    styles = arm_styles(list(arms), baseline=baseline)
    if len(arms) <= TOGETHER:
        figure, (axes,) = panels(1, 1, width=WIDTH, height=3.4)
        for arm in arms:
            _line(axes, of_arm[arm], *styles[arm])
        _axes(axes, metric, x, limits, longest)
        _plateau(axes, floor)
        ends = [(of_arm[arm]["x"].iloc[-1], of_arm[arm]["mean"].iloc[-1]) for arm in arms]
        labels = zip(ends, arm_labels(arms), arms, strict=True)
        label_ends(axes, [(*end, label, styles[arm][0]) for end, label, arm in labels])
        return figure
    others = [arm for arm in arms if arm != baseline]
    rows = -(-len(others) // COLUMNS)
    figure, grid = panels(rows, COLUMNS, width=WIDTH, height=1.75 * rows + 0.4, sharex=True, sharey=True)
    for axes, arm in zip(grid, others, strict=False):
        if baseline in of_arm:
            axes.plot(of_arm[baseline]["x"], of_arm[baseline]["mean"], color=FAINT, lw=2.2)
        _line(axes, of_arm[arm], styles[arm][0], "-")
        _axes(axes, "", "", limits, longest)
        _plateau(axes, floor)
        axes.set_title(wrapped(arm, 27), fontsize=8)
        big_numbers("x", axes)
    for index in range(len(others), len(grid)):
        grid[index].set_visible(False)
        grid[index - COLUMNS].tick_params(labelbottom=True)
    figure.supxlabel(AXES[x], fontsize=8.5)
    figure.supylabel(axis_label(metric), fontsize=8.5)
    return figure


def _line(axes: Axes, frame: pd.DataFrame, colour: str, dash: str | tuple[int, tuple[float, ...]]) -> None:
    axes.fill_between(frame["x"], frame["low"], frame["high"], color=colour, alpha=0.16, lw=0)
    axes.plot(frame["x"], frame["mean"], color=colour, ls=dash)


def _axes(axes: Axes, metric: str, x: str, limits: tuple[float, float], longest: float) -> None:
    axes.set(xlim=(0.0, 1.03 * longest), ylim=limits)
    axes.grid(axis="y", color=FAINT, lw=0.4)
    if x:
        axes.set_xlabel(AXES[x])
        axes.set_ylabel(axis_label(metric))
        big_numbers("x", axes)
    axes.tick_params(colors=QUIET)


def _plateau(axes: Axes, floor: float | None) -> None:
    if floor is not None:
        axes.axhline(floor, color=QUIET, lw=0.9, ls=(0, (4, 3)), zorder=1)


def _limits(frame: pd.DataFrame, floor: float | None) -> tuple[float, float]:
    """From the lowest value to what is reached after the first tenth of a run, or to the plateau if it is above: the
    fall from chance tells nothing."""
    ends = frame.groupby("arm")["x"].transform("max")
    later = frame[frame["x"] >= 0.1 * ends]
    low, high = float(later["low"].min()), float(later["high"].max())
    high = max(high, floor or high)
    room = 0.05 * (high - low) or 0.1
    return low - room, high + room


def _alt(frame: pd.DataFrame, arms: Sequence[str], metric: str, x: str) -> str:
    ends = [f"{short(arm)} ends at {frame.loc[frame['arm'] == arm, 'mean'].iloc[-1]:.3g}" for arm in arms]
    return f"{name_of(metric).capitalize()} against {AXES[x]}: " + "; ".join(ends) + "."
