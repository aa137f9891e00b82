"""A verdict card: everything that a reader needs about one claim, as text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ablate.report.glyph import Glyph, glyph_of
from ablate.report.units import effect_unit, name_of
from ablate.report.words import (
    MARKS,
    contrast_text,
    cost_text,
    counted,
    estimate_text,
    kind_text,
    p_text,
    plain_number,
    seeds_text,
    sentence,
    slug,
)
from ablate.runs.collect import Run
from ablate.studies.costs import cost_of
from ablate.studies.judge import JudgedClaim, Judgement
from ablate.studies.papers import Figure


@dataclass(frozen=True, kw_only=True)
class Published:
    """One comparison of a paper: which rows, and `data set metric: difference (value against value)` for each."""

    rows: str
    figures: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Card:
    """One claim. facts: term and text; parts: name, estimate, interval, bound of each part of a composite claim.

    heading: what stands above the first claim of an included study; empty elsewhere.
    """

    anchor: str
    id: str
    says: str
    source: str
    verdict: str
    slug: str
    mark: str
    effect: str
    unit: str
    of: str
    contrast: str
    interval: str
    level: str
    p: str
    seeds: str
    glyph: Glyph | None
    facts: tuple[tuple[str, str], ...]
    reason: str
    remarks: tuple[str, ...]
    published: tuple[Published, ...]
    parts: tuple[tuple[str, str, str, str], ...]
    heading: str = ""


def cards_of(judgement: Judgement, runs: Sequence[Run]) -> list[Card]:
    """A card per claim, in the study's order."""
    cards = [_card(one, number, runs) for number, one in enumerate(judgement.claims, start=1)]
    headings = _headings(judgement)
    return [replace(card, heading=headings.get(card.id, "")) for card in cards]


def _headings(judgement: Judgement) -> dict[str, str]:
    """By the first claim of each included study: the study, its question, and how many claims share its alpha."""
    return {
        part.claims[0].claim.id: f"{part.study.name}: {part.study.question} ({shared_alpha(part)})"
        for part in judgement.families if part.claims
    }  # fmt: skip


def shared_alpha(part: Judgement) -> str:
    """`3 claims share alpha 0.05`, of a family that has claims."""
    sharing = part.claims[0].verdict.family_size
    return f"{counted(sharing, 'claim')} {'shares' if sharing == 1 else 'share'} alpha {part.alpha:g}"


def _card(one: JudgedClaim, number: int, runs: Sequence[Run]) -> Card:
    claim, verdict = one.claim, one.verdict
    effect, interval = _numbers(one)
    unit = effect_unit(claim.kind, claim.metric) if effect else ""
    return Card(
        anchor=f"claim-{number}", id=claim.id, says=claim.says, source=claim.source, verdict=verdict.verdict,
        slug=slug(verdict.verdict), mark=MARKS[verdict.verdict], effect=effect, unit=unit, interval=interval,
        of=name_of(claim.metric) if claim.metric else "exact, no runs needed", contrast=contrast_text(claim.contrast),
        level=f"{100 * (1 - 2 * verdict.alpha):.3g} % interval", p=_p(one),
        seeds=str(verdict.n) if one.seeds else "",
        glyph=glyph_of(verdict), facts=tuple(_facts(one, runs)), reason=sentence(verdict.reason),
        remarks=tuple(sentence(remark) for remark in _remarks(one)),
        published=_published(one.published), parts=_parts(one),
    )  # fmt: skip


def _numbers(one: JudgedClaim) -> tuple[str, str]:
    verdict, ratio = one.verdict, one.claim.kind == "speed"
    if verdict.estimate is None or verdict.interval is None:
        return "", ""
    return estimate_text(verdict.estimate, verdict.interval, ratio=ratio)


def _p(one: JudgedClaim) -> str:
    """The adjusted p of the finding that the verdict states; of support where there is none."""
    verdict = one.verdict
    if verdict.verdict == "contradicted":
        text = p_text(verdict.p_contradicted_holm)
        return f"{text} against it" if text else ""
    if verdict.verdict == "negligible":
        text = p_text(verdict.p_negligible_holm)
        return f"{text} that it is negligible" if text else ""
    return p_text(verdict.p_holm)


def _facts(one: JudgedClaim, runs: Sequence[Run]) -> list[tuple[str, str]]:
    claim, verdict = one.claim, one.verdict
    facts = [("Kind", kind_text(claim))]
    if claim.kind == "exact":
        return facts
    facts.append(("May differ in", ", ".join(claim.factors)))
    facts.append(("Metric", claim.metric if claim.higher_is_better else f"{claim.metric}, lower is better"))
    facts.append(("Seeds", f"{len(one.seeds)} ({seeds_text(one.seeds)})" if one.seeds else "none"))
    facts.append(("Cost", cost_text(cost_of(runs, arms=claim.arms))))
    facts.append(("Registered", _registered(one)))
    if verdict.mde is not None:
        facts.append(("Could find", f"{_detectable(claim.kind, verdict.mde)}, with power .8"))
    return facts


def _detectable(kind: str, mde: float) -> str:
    """What `planning.Plan.mde` is for the kind: a distance, a factor, or the smallest margin that could be shown."""
    if kind == "speed":
        return f"{mde:.3g} times the bound"
    size = plain_number(float(f"{mde:.2g}"))
    return f"a margin of {size}" if kind in ("equivalence", "additivity") else f"{size} beyond the bound"


def _registered(one: JudgedClaim) -> str:
    if one.registered is None:
        return "not known"
    return "before its first run finished" if one.registered else "not before its first run finished"


def _remarks(one: JudgedClaim) -> list[str]:
    stable = []
    if one.stable is not None and one.stable[1]:
        stable.append(f"the verdict is the same at {one.stable[0]} of {one.stable[1]} other learning rates")
    return [*one.verdict.flags, *stable, *one.notes]


def _published(figures: Sequence[Figure]) -> tuple[Published, ...]:
    by_rows: dict[str, list[tuple[str, str, str]]] = {}
    for figure in figures:
        by_rows.setdefault(f"{figure.table}: {figure.rows}", []).append(_figure(figure))
    return tuple(Published(rows=rows, figures=tuple(found)) for rows, found in by_rows.items())


def _figure(figure: Figure) -> tuple[str, str, str]:
    what, unit = f"{figure.dataset} {figure.metric}", "" if figure.unit == "%" else f" {figure.unit}"
    if figure.difference is None or figure.against is None:
        return what, f"{figure.value:g}{unit}", ""
    decimals = max(len(f"{value:g}".partition(".")[2]) for value in (figure.value, figure.against))
    values = (f"{figure.value:.{decimals}f}", f"{figure.against:.{decimals}f}")
    return what, f"{figure.difference:+.{decimals}f}{unit}".replace("-", "−"), " against ".join(values)


def _parts(one: JudgedClaim) -> tuple[tuple[str, str, str, str], ...]:
    if len(one.verdict.parts) < 2:
        return ()
    rows, ratio = [], one.claim.kind == "speed"
    for part in one.verdict.parts:
        effect, interval = estimate_text(part.estimate, part.interval, ratio=ratio)
        bound = f"above {plain_number(part.low)}" + ("" if part.high is None else f", below {plain_number(part.high)}")
        rows.append((part.name.replace(" - ", " − "), effect, interval, bound))
    return tuple(rows)


def tally_of(cards: Sequence[Card]) -> list[tuple[str, str, int]]:
    """Verdict, its mark, and how many claims came to it; those that none did are left out."""
    words = [card.verdict for card in cards]
    return [(word, mark, words.count(word)) for word, mark in MARKS.items() if word in words]


def answer_of(cards: Sequence[Card]) -> str:
    """`Of 7 claims, 5 are supported, 1 contradicted and 1 inconclusive.`"""
    counts = [f"{number} {word}" for word, _, number in tally_of(cards)]
    if not counts:
        return "The study states no claims."
    said = counts[0] if len(counts) == 1 else f"{', '.join(counts[:-1])} and {counts[-1]}"
    return f"Of {counted(len(cards), 'claim')}: {said}."
