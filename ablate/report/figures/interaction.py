"""Interaction plots: two factors crossed, found in what the arms differ in, such as NSP x format."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from itertools import combinations

import numpy as np
from matplotlib.figure import Figure

from ablate.report.arms import finished, quality_metric, seeds_text
from ablate.report.figures.levels import Layout, Level, layout_of
from ablate.report.figures.style import DASHES, HUES, INK, NARROW, WIDTH, panels, styled
from ablate.report.figures.words import axis_label, label_ends, short, wrapped
from ablate.report.material import Material, Plot
from ablate.report.units import name_of

SHOWN = 4  # plots of one report
Cells = dict[tuple[Level, Level], str]  # the arm at each pair of levels


def plots(material: Material) -> list[Plot]:
    """A plot for each pair of factors of which two levels each are crossed completely by arms that ran."""
    metric = quality_metric(material)
    if metric is None:
        return []
    values, layout = finished(material, metric), layout_of(material)
    made: dict[str, Plot] = {}
    for pair in combinations(layout.factors, 2):
        for cells in crossed(layout, *pair, arms=list(values)):
            plot = _plot(material, layout, pair, cells, metric=metric, values=values)
            made.setdefault(plot.name, plot)
    return list(made.values())[:SHOWN]


def crossed(layout: Layout, one: str, other: str, *, arms: list[str]) -> list[Cells]:
    """Arms that differ in nothing but these two factors, where at least one 2 x 2 among them is complete."""
    contexts: dict[object, Cells] = {}
    for arm in arms:
        if arm in layout.of_arm:
            cell = layout.level(arm, one), layout.level(arm, other)
            contexts.setdefault(layout.context(arm, without=(one, other)), {}).setdefault(cell, arm)
    return [cells for cells in contexts.values() if _has_square(cells)]


def _has_square(cells: Cells) -> bool:
    rows, columns = {row for row, _ in cells}, {column for _, column in cells}
    squares = ((a, b, c, d) for a, b in combinations(rows, 2) for c, d in combinations(columns, 2))
    return any(all(cell in cells for cell in ((a, c), (a, d), (b, c), (b, d))) for a, b, c, d in squares)


def _plot(
    material: Material, layout: Layout, pair: tuple[str, str], cells: Cells, *, metric: str,
    values: Mapping[str, Mapping[int, float]],
) -> Plot:  # fmt: skip
    lines, x = pair
    if len({row for row, _ in cells}) > len({column for _, column in cells}):
        lines, x = x, lines
        cells = {(column, row): arm for (row, column), arm in cells.items()}
    rows, columns = list(dict.fromkeys(row for row, _ in cells)), _columns(cells, layout, x)
    line_names = layout.names(lines, rows, arms={row: _first(cells, row, 0) for row in rows})
    x_names = layout.names(x, columns, arms={column: _first(cells, column, 1) for column in columns})
    verdicts = _verdicts(material, set(cells.values()))
    counts = [len(values[arm]) for arm in cells.values()]
    caption = (
        f"{name_of(metric).capitalize()} where {lines} and {x} are crossed, {seeds_text(counts)} per arm. Marks: mean "
        "over seeds; small dots: single seeds. Parallel lines mean that the effects add up. "
    )
    if set(x_names.values()) <= set(cells.values()):
        caption += f"Each {x} is called by an arm that has it. "
    if len(cells) < len(line_names) * len(x_names):
        caption += "Where a mark is missing the study has no such arm. "
    alt = "; ".join(
        f"{line_names[row]}, {x_names[column]}: {np.mean(list(values[arm].values())):.4g}"
        for (row, column), arm in cells.items()
    )
    return Plot(
        name=f"interaction_{lines}_{x}", title=f"{lines} x {x}", caption=(caption + verdicts).strip(),
        alt=f"{name_of(metric).capitalize()} by {lines} and {x}: {alt}.",
        draw=partial(draw, cells, line_names, x_names, metric=metric, values=values, x=x),
    )  # fmt: skip


def _columns(cells: Cells, layout: Layout, x: str) -> list[Level]:
    """The levels across the axis: as numbers if they are numbers, else those in which most arms ran first, so that what
    can be joined stands together."""
    columns = [column for column, _ in Counter(column for _, column in cells).most_common()]
    key = layout.number(x, columns)
    return columns if key is None else sorted(columns, key=lambda column: float(layout.value(x, column, key)))


def _first(cells: Cells, level: Level, place: int) -> str:
    """The first arm at a level of one factor: the baseline's level of the other comes first."""
    return min((cell[1 - place] != (), i, arm) for i, (cell, arm) in enumerate(cells.items()) if cell[place] == level)[
        2
    ]


def _verdicts(material: Material, arms: set[str]) -> str:
    """What was decided of the interaction itself."""
    return " ".join(
        f"Claim {short(one.claim.id)} ({one.claim.kind}): {one.verdict.verdict}."
        for one in material.judgement.claims
        if len(one.claim.arms) == 4 and set(one.claim.arms) <= arms
    )


@styled
def draw(
    cells: Cells, line_names: Mapping[Level, str], x_names: Mapping[Level, str], *, metric: str,
    values: Mapping[str, Mapping[int, float]], x: str,
) -> Figure:  # fmt: skip
    """A line per level of one factor over the levels of the other."""
    at = {column: i for i, column in enumerate(x_names)}
    figure, (axes,) = panels(1, 1, width=WIDTH if len(at) > 2 else NARROW, height=3.1)
    ends = []
    for i, (row, name) in enumerate(line_names.items()):
        colour = HUES[i % len(HUES)]
        there = [(at[column], cells[row, column]) for column in x_names if (row, column) in cells]
        means = [float(np.mean(list(values[arm].values()))) for _, arm in there]
        for place, arm in there:
            shift = (i - (len(line_names) - 1) / 2) * 0.06
            single = list(values[arm].values())
            axes.plot([place + shift] * len(single), single, ".", color=colour, ms=4, alpha=0.5, mew=0)
        known = dict(zip([place for place, _ in there], means, strict=True))
        joined = [known.get(place, np.nan) for place in range(len(at))]  # a gap is not bridged
        axes.plot(range(len(at)), joined, marker="o", ms=6, color=colour, ls=DASHES[i % len(DASHES)], label=name)
        ends.append((there[-1][0], means[-1], short(name, 26), colour))
    axes.set_xlim(-0.3, len(at) - 0.7)
    axes.set_xticks(range(len(at)), [wrapped(name, 16) for name in x_names.values()])
    axes.set_ylabel(axis_label(metric))
    axes.set_xlabel(x, color=INK)
    label_ends(axes, ends)
    return figure
