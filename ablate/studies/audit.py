"""What every arm used: the budget audit that is printed whether or not a claim was refused."""

from collections.abc import Sequence
from dataclasses import dataclass

from ablate.runs.collect import Run

USED = (
    "train/tokens", "train/updates", "train/flops", "train/seconds", "train/masked_predictions",
    "train/distinct_tokens", "train/epochs", "params",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ArmAudit:
    """Runs of one arm by state, and the mean of what its finished runs used (under the metrics' names)."""

    arm: str
    done: int
    diverged: int
    failed: int
    other: int
    used: dict[str, float]


def audit(arms: Sequence[str], runs: Sequence[Run]) -> tuple[ArmAudit, ...]:
    """One row per arm, in the study's order."""
    by_arm: dict[str, list[Run]] = {arm: [] for arm in arms}
    for run in runs:
        by_arm.setdefault(run.arm, []).append(run)
    return tuple(_row(arm, by_arm[arm]) for arm in arms)


def _row(arm: str, runs: Sequence[Run]) -> ArmAudit:
    states = [run.state for run in runs]
    counted = {state: states.count(state) for state in ("done", "diverged", "failed")}
    used = {}
    for name in USED:
        values = [run.metrics[name] for run in runs if name in run.metrics]
        if values:
            used[name] = sum(values) / len(values)
    return ArmAudit(arm=arm, **counted, other=len(states) - sum(counted.values()), used=used)
