"""Verdicts as a table in the terminal; renders, never computes."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ablate.studies.judge import JudgedClaim, Judgement

_STYLE = {"supported": "bold green", "contradicted": "bold red", "negligible": "cyan", "inconclusive": "yellow"}


def wide_console() -> Console:
    """Standard output; 140 columns where it is no terminal, so that files and pipes keep every number."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=140)


def render(judgement: Judgement) -> RenderableType:
    """Question, one row per claim, then a line per reason and note."""
    study = judgement.study
    family = ["family"] if judgement.families else []
    table = Table(*family, "claim", "metric", "estimate", "interval", "p (Holm)", "n", "verdict", title_justify="left")
    for one in judgement.claims:
        table.add_row(*([one.family] if one.family else []), *_row(one))
    head = Text(f"{study.name}: {study.question}", style="bold")
    lines = [Text(line) for one in judgement.claims for line in _lines(one)]
    return Group(head, table, *lines, *(Text(f"note: {note}") for note in judgement.notes))


def _row(one: JudgedClaim) -> Iterator[RenderableType]:
    verdict = one.verdict
    yield one.claim.id
    yield one.claim.metric or "-"
    yield "-" if verdict.estimate is None else f"{verdict.estimate:+.4g}"
    yield "-" if verdict.interval is None else f"{verdict.interval[0]:+.4g} to {verdict.interval[1]:+.4g}"
    yield "-" if verdict.p_holm is None else f"{verdict.p_holm:.3g}"
    yield str(verdict.n) if one.claim.kind != "exact" else "-"
    yield Text(verdict.verdict, style=_STYLE.get(verdict.verdict, "dim"))


def _lines(one: JudgedClaim) -> Iterator[str]:
    marks = [*one.verdict.flags]
    if one.registered is False:
        marks.append("not registered before its first run finished")
    if one.stable is not None and one.stable[1]:
        marks.append(f"verdict stable at {one.stable[0]} of {one.stable[1]} other learning rates")
    yield f"{one.claim.id}: {one.verdict.reason}" + (f" [{'; '.join(marks)}]" if marks else "")
    yield from (f"  {note}" for note in one.notes)
