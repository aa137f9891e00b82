"""Numbers and names as people read them, and text made safe for Markdown."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ablate.report.units import short_number, spread_number
from ablate.studies.claims import StudyClaim
from ablate.studies.costs import Cost
from ablate.studies.judge import Judgement

MARKS = {"supported": "✓", "contradicted": "✕", "negligible": "≈", "inconclusive": "?", "not testable": "–"}
_KINDS = {"non_inferiority": "non-inferiority"}


def slug(verdict: str) -> str:
    """A verdict as a CSS class or a command-line value: `not-testable`."""
    return verdict.replace(" ", "-")


def signed(value: float, *, like: float, ratio: bool = False) -> str:
    """`+0.012` with a true minus sign and the decimals that a spread of size `like` deserves; `1.62×` for a ratio."""
    text = spread_number(value, like=like)
    if ratio:
        return f"{text}×"
    return ("+" + text if value >= 0 else text).replace("-", "−")


def estimate_text(estimate: float, interval: Sequence[float], *, ratio: bool) -> tuple[str, str]:
    """An estimate and the ends of its interval, with the decimals that the interval's half width deserves."""
    low, high = interval
    like = (high - low) / 2
    ends = " to ".join(signed(end, like=like, ratio=ratio) for end in (low, high))
    return signed(estimate, like=like, ratio=ratio), ends


def plain_number(value: float) -> str:
    """`0.01`, `−0.5`: a number somebody chose, as it was written."""
    return f"{value:g}".replace("-", "−")


def p_text(p: float | None) -> str:
    """`p = .015`, `p < .001`; empty without a test."""
    if p is None:
        return ""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)


def level_text(judgement: Judgement) -> str:
    """The level of a judgement's intervals: `90%`, or `90% to 98%` where included studies differ."""
    levels = sorted({1 - 2 * one.alpha for one in judgement.families or (judgement,)})
    return " to ".join(f"{100 * level:.3g}%" for level in levels)


def alpha_text(judgement: Judgement) -> str:
    """`0.05`, or each of the included studies' where they differ."""
    return " and ".join(f"{alpha:g}" for alpha in sorted({one.alpha for one in judgement.families or (judgement,)}))


def adjusted_over(judgement: Judgement) -> str:
    """Whose claims share alpha."""
    return "the claims of each included study" if judgement.families else "the study's claims"


def duration(seconds: float) -> str:
    """`40 s`, `4.4 min`, `2.1 h`, `3.5 days`."""
    for size, limit, unit in ((1, 120, "s"), (60, 7200, "min"), (3600, 172_800, "h")):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86_400:.3g} days"


def counted(number: int, noun: str) -> str:
    """`1 run`, `5 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(values: Sequence[object], *, most: int = 12) -> str:
    """`0, 1, 2`, and how many more where there are many."""
    shown = ", ".join(map(str, values[:most]))
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"


def seeds_text(seeds: Sequence[int]) -> str:
    """`0 to 4` where they follow one another, else the list."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return listed(seeds)


def cost_text(cost: Cost) -> str:
    """`9 runs, 40 min, 36 M tokens, 4.1e14 FLOPs`."""
    parts = [counted(cost.runs, "run")]
    if cost.seconds is not None:
        parts.append(f"{duration(cost.seconds)} of training")
    if cost.tokens is not None:
        parts.append(f"{short_number(cost.tokens)} tokens")
    if cost.flops is not None:
        parts.append(f"{short_number(cost.flops)}FLOP")
    return ", ".join(parts)


def kind_text(claim: StudyClaim) -> str:
    """What kind of claim it is and by what it is decided: `non-inferiority, margin 0.01`."""
    parts = [_KINDS.get(claim.kind, claim.kind)]
    if claim.margin is not None:
        parts.append(f"margin {plain_number(claim.margin)}")
    if claim.threshold is not None:
        parts.append(f"threshold {plain_number(claim.threshold)}")
    return ", ".join(parts)


def contrast_text(contrast: str | Sequence[str] | Mapping[str, Any]) -> str:
    """The contrast as one line, whatever its kind."""
    if isinstance(contrast, str):
        return contrast.replace(" - ", " − ")
    if isinstance(contrast, Mapping):
        if "check" in contrast:
            arms = ", ".join(map(str, contrast.get("arms", ())))
            return f"{contrast['check']}({arms})" if arms else str(contrast["check"])
        return f"{contrast['ab']} against {contrast['a']} and {contrast['b']} (base {contrast['base']})"
    return " < ".join(contrast)


def sentence(text: str) -> str:
    """With a capital and a full stop, unless it begins with a name (of an arm, a file, a key)."""
    first = text.split(" ", 1)[0]
    whole = text if text.endswith((".", "!", "?")) else f"{text}."
    return whole[:1].upper() + whole[1:] if re.fullmatch("[a-z]+[,:]?", first) else whole


_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|^#|^[+-](?= |$)")


def markdown(text: object) -> str:
    """Text as Markdown shows it literally, on one line, in a table cell too."""
    said = "".join(_HTML.get(c, c) for c in " ".join(str(text).split()))
    return _SPECIAL.sub(lambda found: "\\" + found[0], said)
