"""What a report is made of, read once before anything is rendered, and the pieces that rendering gives."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from ablate.runs.collect import Run
from ablate.studies.judge import Judgement


@dataclass(frozen=True, kw_only=True)
class Material:
    """A judged study with its runs.

    runs: those of the judged variant, arms in the study's order, then seeds; curves: a row per logged step with arm,
    seed, step, tokens, seconds and the logged values (empty for others' results); descriptions: a sentence per arm;
    changes: per arm the dotted config keys in which it differs from the baseline, with both values.
    """

    judgement: Judgement
    runs: tuple[Run, ...]
    curves: pd.DataFrame
    descriptions: dict[str, str]
    changes: dict[str, dict[str, tuple[object, object]]]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One figure of a report. name: its file's stem; caption states n and what the bars are; alt: what it shows."""

    name: str
    title: str
    caption: str
    alt: str
    draw: Callable[[], Figure]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One table of a report, as text: numbers are formatted, the first `stub` columns name the row.

    groups: for each column the heading that it shares with its neighbours, or "".
    """

    name: str
    title: str
    caption: str
    frame: pd.DataFrame
    stub: int = 1
    groups: tuple[str, ...] = ()
