"""The papers beside this study: the same contrast as published and as judged, each with what is known of its spread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ablate.report.figures.style import INK, VERDICTS, WIDTH, panels, styled
from ablate.report.figures.words import short, wrapped
from ablate.report.material import Material, Plot
from ablate.report.units import LOSS, RATIO, SHARE, unit_of
from ablate.report.words import level_text
from ablate.stats.claims import parts_of
from ablate.studies.judge import JudgedClaim
from ablate.studies.papers import LOST
from ablate.studies.papers import Figure as Published

POINTS = "points"
OF_GAIN = "points of the gain over the majority baseline"  # the papers' shares are of plain scores
SHOWN = 12  # claims in a figure
_AXIS = 32  # characters under one of two axes
_PAPER = "#8a6d00"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A claim with the published contrasts, in the papers' unit, and its own, in `unit`: estimate, low, high.

    published: by the table's rows, such as `RoBERTa T1, dynamic against static`, what was measured and the contrast.
    """

    one: JudgedClaim
    published: dict[str, list[tuple[str, float]]]
    ours: tuple[float, float, float] | None

    @property
    def lines(self) -> int:
        """How many lines the published contrasts take, their rows' names included."""
        return sum(len(of_rows) + 1 for of_rows in self.published.values())


def plots(material: Material) -> list[Plot]:
    """A figure per pair of units, theirs and ours; claims whose contrast is of two arms and has published figures."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for one in material.judgement.claims:
        for theirs, row in rows_of(one).items():
            groups.setdefault((theirs, _our_unit(one)), []).append(row)
    return [_plot(material, units, rows) for units, rows in groups.items() if any(row.ours for row in rows)]


def rows_of(one: JudgedClaim) -> dict[str, Row]:
    """By the papers' unit, the claim's row; nothing where the contrast is not of one arm with another."""
    parts = parts_of(one.claim.test)
    if len(parts) != 1 or len(parts[0].contrast.arms) != 2 or not one.published:
        return {}
    share = 1.0 if parts[0].contrast.log else -min(c for _, c in parts[0].contrast.coefficients)
    found: dict[str, dict[str, list[tuple[str, float]]]] = {}
    for figure in one.published:
        contrast = published_contrast(figure, share=share)
        if contrast is not None:
            unit, value = contrast
            of_rows = found.setdefault(unit, {}).setdefault(f"{figure.table}, {figure.rows}", [])
            of_rows.append((f"{figure.dataset} {figure.metric}", value))
    return {unit: Row(one=one, published=published, ours=_ours(one)) for unit, published in found.items()}


def published_contrast(figure: Published, *, share: float) -> tuple[str, float] | None:
    """Unit and value of `row - share * against`, turned so that larger is better; None where there is no other row.

    Perplexities become nats, the logarithm that our losses are; times become ratios. A `LOST` metric says what a row
    without something lost, and a claim about it what having it gains: the other way round.
    """
    if figure.metric.endswith(LOST) and figure.against is None:
        return POINTS, -figure.value
    if figure.against is None:
        return None
    if figure.unit in ("%", "x100", POINTS):
        return POINTS, figure.value - share * figure.against
    if figure.unit == "ppl":
        return LOSS, math.log(figure.against) - math.log(figure.value)
    return (RATIO, figure.against / figure.value) if figure.unit == "seconds" else None


def _our_unit(one: JudgedClaim) -> str:
    if one.claim.kind == "speed":
        return RATIO
    unit = unit_of(one.claim.metric)
    if unit == SHARE:
        return OF_GAIN if one.verdict.retained is not None and one.verdict.retained.gain is not None else POINTS
    return unit or one.claim.metric


def _ours(one: JudgedClaim) -> tuple[float, float, float] | None:
    verdict = one.verdict
    if verdict.estimate is None or verdict.interval is None:
        return None
    size = 100.0 if _our_unit(one) in (POINTS, OF_GAIN) else 1.0
    return size * verdict.estimate, size * verdict.interval[0], size * verdict.interval[1]


def _plot(material: Material, units: tuple[str, str], rows: Sequence[Row]) -> Plot:
    shown = rows[:SHOWN]
    counts = sorted({row.one.verdict.n for row in shown if row.ours})
    seeds = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    level = level_text(material.judgement)
    caption = (
        f"Filled: this study's mean contrast ({seeds} paired seeds) with its two-sided {level} interval, on this "
        "study's data and scale. Hollow: the difference between the same two rows of the paper, one per data set, of "
        "medians over 5 seeds or of single runs; the papers print no spread, so there is no bar. Right is better."
    )
    if units[0] != units[1]:
        caption += f" The papers' axis is in {units[0]}, this study's in {units[1]}: compare signs, not sizes."
    said = [_said(row, units) for row in shown]
    return Plot(
        name="papers_" + "_".join(dict.fromkeys(_slug(unit) for unit in units)), title="The papers beside this study",
        caption=caption, alt=f"Published and measured contrasts: {'; '.join(said)}.", draw=partial(draw, shown, units),
    )  # fmt: skip


def _said(row: Row, units: tuple[str, str]) -> str:
    values = [value for of_rows in row.published.values() for _, value in of_rows]
    ours = f"here {row.ours[0]:.3g} {units[1]}" if row.ours else "not tested here"
    return f"{short(row.one.claim.id)}: published {min(values):.3g} to {max(values):.3g} {units[0]}, {ours}"


def _slug(unit: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in unit)[:20]


@styled
def draw(rows: Sequence[Row], units: tuple[str, str]) -> Figure:
    """One axis where the units are the same, else one for the papers and one for this study."""
    lines = sum(row.lines + 2.4 for row in rows)
    same = units[0] == units[1]
    figure, grid = panels(1, 1 if same else 2, width=WIDTH, height=0.75 + 0.165 * lines, sharey=True)
    theirs, ours = grid[0], grid[-1]
    y, ticks = 0.0, list[tuple[float, str]]()
    for row in rows:
        y = _block(theirs, ours, row, y, ticks)
    for axes in grid:
        axes.axvline(1.0 if RATIO in units else 0.0, color=INK, lw=0.9, zorder=1)
        axes.set_ylim(y - 1.6, -1.3)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0, labelsize=7)
        axes.margins(x=0.08)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    theirs.set_yticks([at for at, _ in ticks], [text for _, text in ticks])
    theirs.set_xlabel(_axis(units[0]) if same else f"the papers:\n{_axis(units[0])}")
    if not same:
        ours.set_xlabel(f"this study:\n{wrapped(_axis(units[1]), _AXIS)}")
    return figure


def _axis(unit: str) -> str:
    return "times as fast" if unit == RATIO else f"difference, {unit}"


def _block(theirs: Axes, ours: Axes, row: Row, y: float, ticks: list[tuple[float, str]]) -> float:
    """A claim's rows from y downwards; returns where the next block starts."""
    colour, marker = VERDICTS[row.one.verdict.verdict]
    at = theirs.get_yaxis_transform()
    theirs.text(-0.02, y - 0.9, short(row.one.claim.id, 40), transform=at, ha="right", va="center", weight="bold")
    if row.ours is not None:
        ours.plot(row.ours[1:], [y, y], color=colour, lw=2, solid_capstyle="butt")
        ours.plot([row.ours[0]], [y], marker=marker, ms=6, color=colour, mec="white", mew=0.7)
    ours.text(
        1.02, y, row.one.verdict.verdict, color=colour, weight="bold", va="center", transform=ours.get_yaxis_transform()
    )
    ticks.append((y, f"here: {short(row.one.claim.metric, 34)}"))
    for rows, of_rows in row.published.items():
        y += 1
        theirs.text(-0.02, y, short(rows, 66), transform=at, ha="right", va="center", fontsize=7, style="italic")
        for name, value in of_rows:
            y += 1
            theirs.plot([value], [y], "D", ms=4.5, mfc="white", mec=_PAPER, mew=1.3)
            theirs.axhline(y, color="#eeeeee", lw=0.6, zorder=0)
            ticks.append((y, short(name, 58)))
    return y + 2.4
