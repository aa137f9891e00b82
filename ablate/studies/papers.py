"""Published figures (conf/papers/results.csv): the difference between two rows of a paper's table, per data set."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ablate.config.paths import conf_dir
from ablate.errors import UserError

LOST = "_delta"  # ends the name of a metric that says what a row without something loses
KEYS = ("table", "row", "against", "metric", "dataset")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One published comparison: `value` in `row`, `against` in the other row (None without one)."""

    table: str
    row: str
    against_row: str | None
    dataset: str
    metric: str
    unit: str
    value: float
    against: float | None
    note: str

    @property
    def rows(self) -> str:
        """`row against other row`, as the table calls them; `row` alone without another."""
        return self.row if self.against_row is None else f"{self.row} against {self.against_row}"

    @property
    def difference(self) -> float | None:
        """value - against, in the table's unit."""
        return None if self.against is None else self.value - self.against


@cache
def results() -> tuple[dict[str, str], ...]:
    """Every published figure as a row of text."""
    with (conf_dir() / "papers" / "results.csv").open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def published(reference: Mapping[str, str]) -> tuple[Figure, ...]:
    """The figures that a claim refers to as `{table: RoBERTa T2, row: ..., against: ...}`, narrowed by metric, dataset.

    Raises:
        UserError: an unknown key, table or row, or rows without a common figure.
    """
    unknown = [key for key in reference if key not in KEYS]
    if unknown or not {"table", "row"} <= set(reference):
        raise UserError(f"published={dict(reference)}: takes table and row, and may take {', '.join(KEYS[2:])}")
    rows = _rows(reference, reference["row"])
    others = {_about(r): r for r in _rows(reference, reference["against"])} if "against" in reference else {}
    figures = tuple(
        _figure(reference, r, others.get(_about(r))) for r in rows if "against" not in reference or _about(r) in others
    )  # fmt: skip
    if not figures:
        raise UserError(f"published={dict(reference)}: the two rows have no figure in common")
    return figures


def _rows(reference: Mapping[str, str], name: str) -> list[dict[str, str]]:
    table = [r for r in results() if table_of(r) == reference["table"]]
    if not table:
        known = ", ".join(dict.fromkeys(table_of(r) for r in results()))
        raise UserError(f"published.table={reference['table']}: unknown; tables: {known}")
    rows = [r for r in table if r["row"] == name and not r["metric"].startswith("setting_")]
    if not rows:
        known = ", ".join(dict.fromkeys(r["row"] for r in table))
        raise UserError(f"published: {reference['table']} has no row {name!r}; rows: {known}")
    return [r for r in rows if all(r[key] == reference[key] for key in ("metric", "dataset") if key in reference)]


def table_of(row: Mapping[str, str]) -> str:
    """`RoBERTa T2`: the paper's first word and the table; `RoBERTa-ICLR T2` for the earlier version."""
    name = row["paper"].split(" ")[0] + ("-ICLR" if "ICLR" in row["paper"] else "")
    return f"{name} {row['table']}"


def _about(row: Mapping[str, str]) -> tuple[str, str]:
    return row["metric"], row["dataset"]


def _figure(reference: Mapping[str, str], row: Mapping[str, str], other: Mapping[str, str] | None) -> Figure:
    return Figure(
        table=reference["table"], row=row["row"], against_row=None if other is None else other["row"],
        dataset=row["dataset"], metric=row["metric"], unit=row["unit"], value=float(row["value"]),
        against=None if other is None else float(other["value"]), note=row["note"],
    )  # fmt: skip
