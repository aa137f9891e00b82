"""The papers' tables in their own layout: each printed row, and below it the arm of this study that stands for it."""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from ablate.report.arms import finished, main_metrics
from ablate.report.material import Material, Sheet
from ablate.report.tables.columns import MISSING
from ablate.report.tables.layouts import Column, PaperTable, paper_tables
from ablate.report.units import SHARE, name_of, spread_number, unit_of

OWN = 3  # columns of the study's own metrics

Values = Callable[[str], Mapping[str, Mapping[int, float]]]  # of a metric: by arm, then by seed


def sheets(material: Material) -> list[Sheet]:
    """The tables of which the study has arms for at least two rows."""
    arms = material.judgement.study.arms
    found = {table.name: (table, table.arms_in(arms)) for table in paper_tables()}
    return [_sheet(material, table, rows) for table, rows in found.values() if rows]


def _sheet(material: Material, table: PaperTable, arms: Mapping[str, str]) -> Sheet:
    known: dict[str, Mapping[str, Mapping[int, float]]] = {}

    def values(metric: str) -> Mapping[str, Mapping[int, float]]:
        if metric not in known:
            known[metric] = finished(material, metric)
        return known[metric]

    own = _own(material, table, arms, values)
    rows = [line for row in table.rows for line in _lines(table, row.row, row.section, row.extra, arms, own, values)]
    headings = [table.stub, "from", *(column.heading for column in table.columns), *(c.heading for c in own)]
    groups = ("", "", *("as in the paper" for _ in table.columns), *("also measured here" for _ in own))
    return Sheet(
        name=f"paper_{re.sub('[^a-z0-9]+', '_', table.name.lower())}", title=table.title, caption=_caption(table),
        frame=pd.DataFrame(rows, columns=headings), stub=2, groups=groups,
    )  # fmt: skip


def _own(material: Material, table: PaperTable, arms: Mapping[str, str], values: Values) -> list[Column]:
    """What the study decides by and the paper does not print."""
    printed = {metric for column in table.columns for metric in column.ours}
    asked = [m for m in (*table.also, *main_metrics(material)) if m not in printed]
    there = [metric for metric in dict.fromkeys(asked) if any(arm in values(metric) for arm in arms.values())]
    return [Column(metric="", dataset="", heading=_heading(metric), ours=(metric,)) for metric in there[:OWN]]


def _heading(metric: str) -> str:
    unit = "%" if unit_of(metric) == SHARE else unit_of(metric)
    return f"{name_of(metric)}, {unit}" if unit else name_of(metric)


def _lines(
    table: PaperTable, row: str, section: str, extra: bool, arms: Mapping[str, str], own: Sequence[Column],
    values: Values,
) -> list[list[str]]:  # fmt: skip
    columns = [*table.columns, *own]
    lines = [[section, "", *("" for _ in columns)]] if section else []
    if not extra:
        printed = [_printed(table.figure(row, column), column) for column in table.columns]
        lines.append([row, "the paper", *printed, *(MISSING for _ in own)])
    if row in arms:
        arm = arms[row]
        cells = [ours(column, arm, values, minus=table.minus) for column in columns]
        seeds = sorted({n for _, n in cells if n}) or [0]
        n = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        name = f"{row} (not in the paper)" if extra else row
        lines.append([name, f"here: {arm} (n = {n})", *(text for text, _ in cells)])
    return lines


def _printed(value: str | None, column: Column) -> str:
    if value is None:
        return MISSING
    if column.metric.startswith(("setting_", "parameters", "inference_time")):
        return f"{float(value):,.0f}" if float(value) >= 1 else f"{float(value):g}"
    return value


def ours(column: Column, arm: str, values: Values, *, minus: str | None) -> tuple[str, int]:
    """`mean ± sd (median)` over seeds in the column's unit, and n; missing where a metric or every seed is.

    minus: an arm whose value at the same seed is taken off.
    """
    scores = _by_seed(column, arm, values)
    if minus is not None:
        base = _by_seed(column, minus, values)
        scores = {seed: value - base[seed] for seed, value in scores.items() if seed in base}
    if not scores:
        return MISSING, 0
    numbers = np.array(list(scores.values()))
    if len(numbers) == 1:
        return f"{numbers[0]:.4g}", 1
    spread = float(numbers.std(ddof=1))
    mean, sd, median = (spread_number(float(v), like=spread) for v in (numbers.mean(), spread, np.median(numbers)))
    return f"{mean} ± {sd} ({median})", len(numbers)


def _by_seed(column: Column, arm: str, values: Values) -> dict[int, float]:
    """The mean of the column's metrics at each seed that has them all."""
    of_metric = [values(metric).get(arm, {}) for metric in column.ours]
    if not of_metric:
        return {}
    scale = column.scale or (100.0 if unit_of(column.ours[0]) == SHARE else 1.0)
    seeds = set.intersection(*(set(one) for one in of_metric))
    return {seed: scale * float(np.mean([one[seed] for one in of_metric])) for seed in sorted(seeds)}


def _caption(table: PaperTable) -> str:
    medians = all("median of 5" in note for note in table.notes())
    seeds = "medians of 5 seeds" if medians else "single numbers or medians of 5 seeds"
    what = f"the change from {table.minus} at equal seeds, " if table.minus else ""
    return (
        f"Lines of the paper ({table.name}; {seeds}, printed without spread), and below a line the arm of this study "
        f"that stands for it, at this study's scale and on its data: {what}mean ± standard deviation over seeds "
        f"(median). {MISSING}: not printed, not measured, or no such arm."
    )
