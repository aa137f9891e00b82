"""What a benchmark found: a median with its spread beside its target; written as one csv and one Markdown table."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ablate.config.paths import conf_dir
from ablate.runs.provenance import git_state, hardware

_ABOUT = ("date", "code", "threads", "python", "packages")  # what a benchmark's rows have in common
PACKAGES = ("torch", "pytorch-lightning", "transformers", "accelerate", "datasets", "tokenizers", "numpy")


@dataclass(frozen=True)
class Figure:
    """The median of some measurements, their smallest and largest, and what was hoped for (`>= 6`)."""

    benchmark: str
    what: str
    median: float
    low: float
    high: float
    unit: str
    rounds: int
    target: str = ""

    @classmethod
    def of(cls, benchmark: str, what: str, values: Sequence[float], *, unit: str, target: str = "") -> "Figure":
        """From measurements."""
        low, median, high = (float(f(values)) for f in (np.min, np.median, np.max))
        return cls(benchmark, what, median, low, high, unit, len(values), target)

    def record(self) -> dict[str, Any]:
        """As a row of the csv."""
        return {**asdict(self), "met": self.met}

    @property
    def met(self) -> str:
        """Whether the median meets the target, in a word; empty where there is none."""
        if not self.target:
            return ""
        relation, bound = self.target.split()
        return "yes" if (self.median >= float(bound) if relation == ">=" else self.median <= float(bound)) else "no"


def ratio(
    benchmark: str, what: str, over: Sequence[float], under: Sequence[float], *, target: str = ""
) -> Figure:  # fmt: skip
    """The ratio of measurements that were made in turns, round by round."""
    return Figure.of(benchmark, what, [a / b for a, b in zip(over, under, strict=True)], unit="x", target=target)


def circumstances(*, threads: int) -> dict[str, str]:
    """Hardware, versions and date, in words."""
    machine = hardware(torch.device("cpu"))
    state = git_state(conf_dir().parent)
    bf16 = "bf16 instructions" if torch.cpu._is_avx512_bf16_supported() else "no bf16 instructions"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": f"{machine['processor']}, {machine['cores']} cores, {bf16}",
        "threads": f"{threads} unless said otherwise",
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "code": f"{(state['git_sha'] or 'no checkout')[:12]}{' with changes' if state['git_dirty'] else ''}",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def write(figures: Sequence[Figure], about: dict[str, str], out: Path) -> None:
    """`<out>/speed.csv` and `<out>/README.md`.

    Rows of other processors, and of benchmarks that were not run this time, stay as they are.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame([figure.record() for figure in figures])
    table = table.assign(**about)
    if (out / "speed.csv").exists():
        before = pd.read_csv(out / "speed.csv", keep_default_na=False)
        again = before["benchmark"].isin(table["benchmark"]) & (before["processor"] == about["processor"])
        table = pd.concat([before[~again], table])
    table = table.sort_values(["processor", "benchmark"], kind="stable")
    table.to_csv(out / "speed.csv", index=False, float_format="%.5g")
    (out / "README.md").write_text(page(table))


def page(table: pd.DataFrame) -> str:
    """The table in Markdown, by processor."""
    lines = [
        "# Speed", "",
        "Made by `make bench`. Medians with the smallest and largest round; ratios are of measurements made in turns.",
        "",
    ]  # fmt: skip
    for processor, of in table.groupby("processor", sort=False):
        lines += [f"## {processor}", ""]
        for benchmark, rows in of.groupby("benchmark", sort=False):
            about = "; ".join(f"{key} {' and '.join(map(str, rows[key].unique()))}" for key in _ABOUT)
            lines += [f"### {benchmark}", "", f"{about}.", "", "| what | median | spread | rounds | target | met |"]
            lines += ["| - | -: | -: | -: | -: | - |", *(row(one) for one in rows.to_dict("records")), ""]
    return "\n".join(lines)


def row(one: Mapping[Any, Any]) -> str:
    """One row of the table."""
    spread = f"{rounded(one['low'])} to {rounded(one['high'])}"
    median = f"{rounded(one['median'])} {one['unit']}"
    return f"| {one['what']} | {median} | {spread} | {one['rounds']} | {one['target']} | {one['met']} |"


def rounded(value: float) -> str:
    """Three digits that count, no exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
