"""What the runs behind a claim took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ablate.runs.collect import Run


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of all runs together; a run that serves several claims counts in each. None where no run tells."""

    runs: int
    seconds: float | None
    tokens: float | None
    flops: float | None


def cost_of(runs: Sequence[Run], *, arms: Iterable[str] | None = None) -> Cost:
    """What the runs of these arms (or all of them) took, whatever became of them."""
    wanted = None if arms is None else set(arms)
    records = [r.record.metrics for r in runs if r.record is not None and (wanted is None or r.arm in wanted)]

    def total(metric: str) -> float | None:
        values = [metrics[metric] for metrics in records if metric in metrics]
        return sum(values) if values else None

    return Cost(
        runs=len(records), seconds=total("train/seconds"), tokens=total("train/tokens"), flops=total("train/flops")
    )
