"""How the papers' tables are laid out, and which arms stand for their rows (conf/papers/tables.yaml)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from ablate.config.paths import conf_dir
from ablate.studies.papers import results, table_of


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column as printed: its figures in results.csv, and the metrics whose mean is ours. scale: to its unit."""

    metric: str
    dataset: str
    heading: str
    ours: tuple[str, ...]
    scale: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row as printed; `section` stands above it; an `extra` one is this study's alone."""

    row: str
    section: str = ""
    extra: bool = False


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A paper's table. arms: alternatives, each from row to arm; minus: the arm that rows are differences from."""

    name: str
    title: str
    stub: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    arms: tuple[Mapping[str, str], ...]
    minus: str | None = None
    also: tuple[str, ...] = ()

    def figure(self, row: str, column: Column) -> str | None:
        """The published number as printed, or None where the paper prints none."""
        return next((one["value"] for one in self._figures(row, column)), None)

    def notes(self) -> set[str]:
        """What is known of each printed figure: seeds, settings, where it is quoted from."""
        return {one["note"] for row in self.rows for column in self.columns for one in self._figures(row.row, column)}

    def _figures(self, row: str, column: Column) -> list[dict[str, str]]:
        about = (row, column.metric, column.dataset)
        return [one for one in _of_table(self.name) if (one["row"], one["metric"], one["dataset"]) == about]

    def arms_in(self, study_arms: Collection[str]) -> dict[str, str]:
        """Row to arm by the alternative that has most of its arms in the study; nothing below two rows of the "
        "paper's."""
        if self.minus is not None and self.minus not in study_arms:
            return {}
        printed = {row.row for row in self.rows if not row.extra}
        there = [{row: arm for row, arm in one.items() if arm in study_arms} for one in self.arms]
        best = max(there, key=len)
        return best if len(printed & best.keys()) >= 2 else {}


@cache
def _of_table(name: str) -> tuple[dict[str, str], ...]:
    return tuple(one for one in results() if table_of(one) == name)


@cache
def paper_tables() -> tuple[PaperTable, ...]:
    """Every table of conf/papers/tables.yaml."""
    plain = yaml.safe_load((conf_dir() / "papers" / "tables.yaml").read_text(encoding="utf-8"))
    return tuple(_table(name, node) for name, node in plain.items())


def _table(name: str, node: Mapping[str, Any]) -> PaperTable:
    columns = tuple(Column(**{**column, "ours": tuple(column["ours"])}) for column in node["columns"])
    return PaperTable(
        name=name, title=node["title"], stub=node["stub"], columns=columns,
        rows=tuple(Row(**row) for row in node["rows"]), arms=tuple(node["arms"]), minus=node.get("minus"),
        also=tuple(node.get("also", ())),
    )  # fmt: skip
