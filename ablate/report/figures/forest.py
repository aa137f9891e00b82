"""The study at a glance: every claim's effect with its interval, its margin and its verdict."""

import re
from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ablate.report.arms import left_out
from ablate.report.figures.style import BAND, INK, QUIET, VERDICTS, WIDTH, panels, styled
from ablate.report.figures.words import axis_label, short
from ablate.report.material import Material, Plot
from ablate.report.units import RATIO, name_of, spread_number, unit_of
from ablate.report.words import contrast_text, level_text
from ablate.studies.judge import JudgedClaim

SHOWN = 40  # claims: more do not fit a page
_LINE, _FRAME = 0.165, 0.62  # inches of a line of a row's name, and of a panel around its rows


def plots(material: Material) -> list[Plot]:
    """The forest plot, where any claim was tested by numbers."""
    claims = [one for one in material.judgement.claims if one.claim.kind != "exact"]
    if not any(one.verdict.interval for one in claims):
        return []
    shown = sorted(claims, key=lambda one: one.verdict.interval is None)[:SHOWN]
    shown = [one for one in claims if one in shown]
    groups = _by_unit(shown)
    return [
        Plot(
            name="forest", title="Effects and verdicts", caption=_caption(material, claims, shown), alt=_alt(shown),
            draw=partial(draw, groups),
        )
    ]  # fmt: skip


def _by_unit(claims: Sequence[JudgedClaim]) -> dict[str, list[JudgedClaim]]:
    """Claims by the unit of their effect, for which an axis can be shared; last those without an interval."""
    groups: dict[str, list[JudgedClaim]] = {}
    for one in claims:
        unit = RATIO if one.claim.kind == "speed" else unit_of(one.claim.metric) or one.claim.metric
        groups.setdefault(unit if one.verdict.interval else "", []).append(one)
    untested = groups.pop("", [])
    return {**groups, **({"": untested} if untested else {})}


@styled
def draw(groups: dict[str, list[JudgedClaim]]) -> Figure:
    """A panel per unit and a row per claim, the first at the top."""
    sizes = [len(claims) * (_lines(claims) + 0.8) * _LINE + _FRAME for claims in groups.values()]
    figure, axes = panels(len(groups), 1, width=WIDTH, height=sum(sizes), gridspec_kw={"height_ratios": sizes})
    for ax, (unit, claims) in zip(axes, groups.items(), strict=True):
        _panel(ax, unit, claims)
    return figure


def _panel(axes: Axes, unit: str, claims: Sequence[JudgedClaim]) -> None:
    if unit:
        axes.axvline(1.0 if unit == RATIO else 0.0, color=INK, lw=0.9, zorder=1)
    else:
        axes.spines["bottom"].set_visible(False)
        axes.set_xticks([])
    names = _names(claims)
    for row, one in enumerate(claims):
        _effect(axes, row, one)
        _name(axes, row, names[row], lines=_lines(claims))
        _words(axes, row, one, lines=_lines(claims))
    axes.set_ylim(len(claims) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.06)
    if unit:
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlabel(_axis(unit, claims))


def _axis(unit: str, claims: Sequence[JudgedClaim]) -> str:
    if unit == RATIO:
        return "times as fast (right of 1 is faster)"
    metrics = {one.claim.metric for one in claims}
    what = axis_label(metrics.pop()) if len(metrics) == 1 else f"several metrics, {unit}"
    return f"effect on {what} (right is better)"


def _effect(axes: Axes, row: int, one: JudgedClaim) -> None:
    """Margin, bounds, interval and estimate, from the back to the front."""
    verdict, margin = one.verdict, one.claim.margin
    colour, marker = VERDICTS[verdict.verdict]
    if verdict.interval is None or verdict.estimate is None:
        return  # its panel has no axis
    if margin:
        axes.fill_betweenx([row - 0.38, row + 0.38], -margin, margin, color=BAND, lw=0, zorder=0)
    (line,) = axes.plot(verdict.interval, [row, row], color=colour, lw=2, solid_capstyle="butt", zorder=3)
    line.set_gid(f"interval {row}")
    axes.plot([verdict.estimate], [row], marker=marker, ms=6, color=colour, mec="white", mew=0.7, zorder=4)
    part = one.verdict.stated
    for bound in (part.low, part.high) if part else ():
        if bound is not None:
            axes.plot([bound, bound], [row - 0.38, row + 0.38], color=INK, lw=1.1, ls=(0, (2, 1.2)), zorder=2)


def _names(claims: Sequence[JudgedClaim]) -> list[list[str]]:
    """The lines that name each row: id and contrast, and the metric where the panel's axis cannot."""
    several = len({one.claim.metric for one in claims}) > 1
    return [[short(one.claim.id, 34), *_terms(_contrast(one)), *_metric(one, several=several)] for one in claims]


def _terms(contrast: str) -> list[str]:
    """The contrast in at most four lines of 42 letters, broken before its signs."""
    lines = [""]
    for term in re.split(r" (?=[-+/<] )", contrast):
        if lines[-1] and len(lines[-1]) + len(term) > 42:
            lines.append("")
        lines[-1] = f"{lines[-1]} {short(term, 42)}".strip()
    return lines if len(lines) <= 4 else [short(contrast, 42)]


def _metric(one: JudgedClaim, *, several: bool) -> list[str]:
    return [short(name_of(one.claim.metric), 42)] if several else []


def _lines(claims: Sequence[JudgedClaim]) -> int:
    return max(map(len, _names(claims)))


def _name(axes: Axes, row: int, names: Sequence[str], *, lines: int) -> None:
    step = 1 / (lines + 0.8)
    for i, name in enumerate(names):
        axes.text(
            -0.02, row + (i - (len(names) - 1) / 2) * step, name, ha="right", va="center",
            color=QUIET if i else INK, fontsize=7 if i else 8.5, transform=axes.get_yaxis_transform(),
        )  # fmt: skip


def _words(axes: Axes, row: int, one: JudgedClaim, *, lines: int) -> None:
    verdict, transform = one.verdict, axes.get_yaxis_transform()
    colour, up = VERDICTS[verdict.verdict][0], 0.55 / (lines + 0.8)
    axes.text(1.02, row - up, verdict.verdict, color=colour, weight="bold", va="center", transform=transform)
    axes.text(1.02, row + up, _numbers(one), color=QUIET, fontsize=7, va="center", transform=transform)


def _contrast(one: JudgedClaim) -> str:
    part = one.verdict.stated
    if part is not None:
        return part.name
    return contrast_text(one.claim.contrast)


def _numbers(one: JudgedClaim) -> str:
    verdict = one.verdict
    if verdict.estimate is None or verdict.interval is None:
        return "no interval"
    size = verdict.interval[1] - verdict.interval[0]
    estimate, low, high = (spread_number(v, like=size) for v in (verdict.estimate, *verdict.interval))
    return f"{estimate} [{low}, {high}], n = {verdict.n}"


def _caption(material: Material, claims: Sequence[JudgedClaim], shown: Sequence[JudgedClaim]) -> str:
    judgement = material.judgement
    counts = sorted({one.verdict.n for one in shown if one.verdict.interval})
    seeds = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    exact = len(material.judgement.claims) - len(claims)
    text = (
        f"A row per claim ({seeds} paired seeds). The mark is the mean contrast over seeds, the bar its two-sided "
        f"{level_text(judgement)} interval, which matches the unadjusted one-sided test; the verdict is decided by p "
        f"under Holm over {'each included study' if judgement.families else 'the study'}. Contrasts are turned so that "
        "larger is better. Grey band: the claim's margin around 0. Dashed: the bound that the interval must clear for "
        "the claim to hold. A claim of several parts shows its weakest, a trend that holds its ends."
    )
    if exact:
        text += f" {exact} exact {'claim is' if exact == 1 else 'claims are'} settled without an interval."
    return text + left_out(len(shown), len(claims), "claims")


def _alt(shown: Sequence[JudgedClaim]) -> str:
    said = [f"{short(one.claim.id)} {one.verdict.verdict} ({_numbers(one)})" for one in shown[:12]]
    more = f"; and {len(shown) - 12} more" if len(shown) > 12 else ""
    return "Forest plot of effects with intervals: " + "; ".join(said) + more + "."
