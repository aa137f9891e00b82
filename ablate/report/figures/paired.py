"""Seed by seed: the two arms of a claim at equal seeds, joined, so that pairs and outliers are seen."""

from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.report.arms import finished, left_out
from ablate.report.figures.style import FAINT, HUES, INK, VERDICTS, WIDTH, panels, styled
from ablate.report.figures.words import arm_labels, axis_label, short
from ablate.report.material import Material, Plot
from ablate.stats.claims import parts_of
from ablate.studies.judge import JudgedClaim

SHOWN, COLUMNS, SEEDS = 8, 2, 20  # claims, panels in a row, seeds in a panel

Pairs = list[tuple[int, float, float]]  # seed, first arm, second arm


def plots(material: Material) -> list[Plot]:
    """A panel per claim that compares two arms and has paired seeds; arms compared by several claims appear once."""
    found: dict[tuple[object, ...], tuple[JudgedClaim, tuple[str, str], Pairs]] = {}
    for one in material.judgement.claims:
        arms = two_arms(one)
        if arms is not None and one.seeds:
            values = finished(material, one.claim.metric)
            pairs = [
                (seed, values[arms[0]][seed], values[arms[1]][seed])
                for seed in one.seeds
                if all(seed in values.get(arm, {}) for arm in arms)
            ]
            if pairs:
                found.setdefault((*sorted(arms), one.claim.metric), (one, arms, pairs))
    if not found:
        return []
    shown = list(found.values())[:SHOWN]
    counts = sorted({len(pairs) for _, _, pairs in shown})
    seeds = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    caption = (
        f"Each row is a seed ({seeds} pairs per claim): the two arms that a claim compares, joined by a line. "
        "There are no bars: every dot is one run."
    )
    if counts[-1] > SEEDS:
        caption += f" The first {SEEDS} seeds are drawn."
    said = [f"{short(one.claim.id)}: {_wins(pairs)}" for one, _, pairs in shown]
    return [
        Plot(
            name="seeds", title="Seed by seed", caption=caption + left_out(len(shown), len(found), "comparisons"),
            alt=f"Paired values by seed. {'; '.join(said)}.", draw=partial(draw, shown),
        )
    ]  # fmt: skip


def two_arms(one: JudgedClaim) -> tuple[str, str] | None:
    """The arms of a claim that compares one with one, the one that is said to be better first."""
    parts = parts_of(one.claim.test)
    if len(parts) != 1 or len(parts[0].contrast.arms) != 2:
        return None
    (first, a), (second, _) = parts[0].contrast.coefficients
    return (first, second) if a > 0 else (second, first)


def _wins(pairs: Pairs) -> str:
    return f"{sum(a > b for _, a, b in pairs)} of {len(pairs)} seeds have the first arm's value larger"


@styled
def draw(shown: Sequence[tuple[JudgedClaim, tuple[str, str], Pairs]]) -> Figure:
    """Dumbbells: a panel per claim, a row per seed."""
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    most = min(max(len(pairs) for _, _, pairs in shown), SEEDS)
    figure, grid = panels(rows, columns, width=WIDTH, height=rows * (1.25 + 0.16 * most))
    figure.set_layout_engine("constrained", h_pad=0.09)
    for axes, (one, arms, pairs) in zip(grid, shown, strict=False):
        _panel(axes, one, arms, pairs[:SEEDS])
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    return figure


def _panel(axes: Axes, one: JudgedClaim, arms: tuple[str, str], pairs: Pairs) -> None:
    for row, (_, a, b) in enumerate(pairs):
        axes.plot([a, b], [row, row], color=FAINT, lw=2, zorder=1)
    rows = range(len(pairs))
    first = axes.scatter([a for _, a, _ in pairs], rows, color=HUES[0], s=26, zorder=2)
    second = axes.scatter([b for _, _, b in pairs], rows, color=HUES[1], marker="D", s=20, zorder=2)
    axes.set_yticks(list(rows), [f"seed {seed}" for seed, _, _ in pairs])
    axes.set_ylim(len(pairs) - 0.4, -0.6)
    axes.set_xlabel(axis_label(one.claim.metric))
    axes.margins(x=0.08)
    axes.set_title(short(one.claim.id, 40), color=INK, pad=27)
    axes.text(
        1.0, 1.0, one.verdict.verdict, color=VERDICTS[one.verdict.verdict][0], transform=axes.transAxes, ha="right",
        va="bottom", fontsize=8, weight="bold",
    )  # fmt: skip
    axes.legend(
        [first, second], arm_labels(arms, 28), loc="lower left", bbox_to_anchor=(-0.02, 0.98), ncols=1,
        handletextpad=0.2, borderaxespad=0.0, labelspacing=0.2, fontsize=7.5,
    )  # fmt: skip
