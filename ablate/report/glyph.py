"""The small drawing in a verdict's card: the interval, where it would have to lie, and zero."""

from dataclasses import dataclass

from ablate.stats.verdicts import Verdict

WIDTH = 320.0
_PAD = 14.0


@dataclass(frozen=True, kw_only=True)
class Glyph:
    """Positions from 0 to WIDTH. region: where the claim holds. origin: no difference (a ratio of 1)."""

    low: float
    estimate: float
    high: float
    origin: float
    origin_label: str
    region: tuple[float, float]
    bounds: tuple[tuple[float, str], ...]


def glyph_of(verdict: Verdict) -> Glyph | None:
    """None where nothing was tested."""
    part = verdict.stated
    if part is None:
        return None
    none = 1.0 if verdict.kind == "speed" else 0.0
    marks = [part.low, *([part.high] if part.high is not None else [])]
    points = [*part.interval, part.estimate, none, *marks]
    first, span = min(points), (max(points) - min(points)) or 1.0

    def at(value: float) -> float:
        return round(_PAD + (value - first) / span * (WIDTH - 2 * _PAD), 2)

    bounds = tuple((at(mark), f"{mark:.3g}".replace("-", "−")) for mark in marks if mark != none)
    return Glyph(
        low=at(part.interval[0]), estimate=at(part.estimate), high=at(part.interval[1]), origin=at(none),
        origin_label=f"{none:g}", region=(at(part.low), WIDTH if part.high is None else at(part.high)), bounds=bounds,
    )  # fmt: skip
