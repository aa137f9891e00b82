"""The verdict table: a row per claim, with the numbers that decide and the published figure beside them."""

from collections.abc import Iterator

import pandas as pd

from ablate.report.material import Material, Sheet
from ablate.report.tables.columns import MISSING
from ablate.report.units import spread_number
from ablate.report.words import adjusted_over, alpha_text, level_text
from ablate.studies.judge import JudgedClaim
from ablate.studies.papers import Figure

VERDICTS = (
    "claim", "kind", "metric", "contrast", "margin", "estimate", "interval", "p", "p (Holm)", "n", "verdict",
)  # fmt: skip
CLAIMS = ("claim", "says", "source", "published")


def sheets(material: Material) -> list[Sheet]:
    """Two tables, where the study has claims: the numbers that decide, and what was said and published."""
    claims = material.judgement.claims
    if not claims:
        return []
    decided = pd.DataFrame([list(_numbers(one)) for one in claims], columns=list(VERDICTS))
    if material.judgement.families:
        decided.insert(0, "study", [one.family for one in claims])
    stub = 2 if material.judgement.families else 1
    said = pd.DataFrame([list(_words(one)) for one in claims], columns=list(CLAIMS))
    return [
        Sheet(name="verdicts", title="Verdicts", caption=_caption(material), frame=decided, stub=stub),
        Sheet(
            name="claims", title="Claims", frame=said,
            caption="What each claim says, where it is from, and the papers' differences between the same two rows, "
            "in their units.",
        ),
    ]  # fmt: skip


def _caption(material: Material) -> str:
    judgement = material.judgement
    return (
        f"n: paired seeds. Estimate and two-sided {level_text(judgement)} interval of the contrast, turned so that "
        "larger is better (where a claim has several parts, of the weakest, of a trend that holds of its ends); "
        f"p one-sided, before and after Holm over {adjusted_over(judgement)}; verdicts at alpha = "
        f"{alpha_text(judgement)}. Margin, estimate and interval are in the metric's unit."
    )


def _words(one: JudgedClaim) -> Iterator[str]:
    yield one.claim.id
    yield one.claim.says
    yield one.claim.source or MISSING
    yield "; ".join(said_by(one.published)) or MISSING


def _numbers(one: JudgedClaim) -> Iterator[str]:
    claim, verdict = one.claim, one.verdict
    yield claim.id
    yield claim.kind.replace("_", "-")
    yield claim.metric or MISSING
    yield contrast_of(one)
    yield MISSING if claim.margin is None else f"{claim.margin:g}"
    if verdict.estimate is None or verdict.interval is None:
        yield from (MISSING, MISSING)
    else:
        size = verdict.interval[1] - verdict.interval[0]
        estimate, low, high = (spread_number(v, like=size) for v in (verdict.estimate, *verdict.interval))
        yield estimate
        yield f"{low} to {high}"
    yield _p(verdict.p)
    yield _p(verdict.p_holm)
    yield str(verdict.n) if claim.kind != "exact" else MISSING
    yield verdict.verdict


def contrast_of(one: JudgedClaim) -> str:
    """The contrast as one line, whatever the claim's kind."""
    contrast = one.claim.contrast
    if isinstance(contrast, str):
        return contrast
    if isinstance(contrast, tuple):
        return " < ".join(contrast)
    return ", ".join(f"{key}: {_listed(value)}" for key, value in contrast.items())


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def said_by(figures: tuple[Figure, ...]) -> list[str]:
    """A line per pair of rows: `RoBERTa T2, FULL-SENTENCES against SEGMENT-PAIR: MNLI-m-dev accuracy +0.7 %, ...`."""
    lines: dict[str, list[str]] = {}
    for figure in figures:
        number = figure.value if figure.difference is None else figure.difference
        sign = "" if figure.difference is None else "+"
        said = f"{figure.dataset} {figure.metric} {number:{sign}.4g} {figure.unit}"
        lines.setdefault(f"{figure.table}, {figure.rows}", []).append(said)
    return [f"{rows}: {', '.join(said)}" for rows, said in lines.items()]


def _p(value: float | None) -> str:
    if value is None:
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
