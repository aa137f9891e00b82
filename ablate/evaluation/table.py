"""Downstream scores for a person to read, the baselines that need no encoder beside them."""

from collections.abc import Mapping

import numpy as np
from rich.table import Table

from ablate.evaluation.means import BASELINES, is_mean


def downstream_table(metrics: Mapping[str, float], *, title: str) -> Table | None:
    """A row per score, in hundredths: mean, median and spread over fine-tuning seeds, majority, bag of words, and how
    many seeds learnt nothing; None without scores."""
    names = [name for name in metrics if f"{name}/majority" in metrics or f"{name}/ft-0" in metrics]
    if not names:
        return None
    columns = ("mean", "median", "sd", "seeds", "majority", "words", "failed")
    table = Table("score", *columns, title=title, title_justify="left", box=None)
    for column in table.columns:
        column.justify, column.no_wrap = "left" if column.header == "score" else "right", True
    means = [name for name in metrics if is_mean(name) and not name.endswith(BASELINES)]
    of_tasks = sorted(set(names) - set(means), key=lambda n: (n.startswith("probe/"), n))
    for name in (*of_tasks, *sorted(means)):
        table.add_row(name, *_cells(metrics, name))
    return table


def _cells(metrics: Mapping[str, float], name: str) -> list[str]:
    seeds = [value for key, value in metrics.items() if key.startswith(f"{name}/ft-")]
    spread = _number(float(np.std(seeds, ddof=1))) if len(seeds) > 1 else ""
    degenerate = metrics.get(f"{name.rpartition('/')[0]}/degenerate")
    return [
        _number(metrics[name]), _number(metrics.get(f"{name}/median")), spread, str(len(seeds) or ""),
        _number(metrics.get(f"{name}/majority")), _number(metrics.get(f"{name}/bag_of_words")),
        "" if degenerate is None else f"{degenerate:.0f}",
    ]  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"
