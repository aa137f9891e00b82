"""How far a study is: which of its runs are done, running, failed and still to do."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablate.runs.collect import Run
from ablate.runs.live import expected_seconds, seconds_by_arm

ORDER = ("done", "diverged", "running", "failed", "unreadable", "interrupted", "to do")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """States by arm (with its variant) and seed. seconds_left: of training, one run after another; None if unknown."""

    states: dict[str, dict[int, str]]
    problems: tuple[str, ...]
    seconds_left: float | None

    def count(self, state: str) -> int:
        """Runs in this state."""
        return sum(s == state for of_arm in self.states.values() for s in of_arm.values())

    @property
    def total(self) -> int:
        """All runs, planned or there."""
        return sum(len(of_arm) for of_arm in self.states.values())


def progress_of(runs: Sequence[Run], asked: Mapping[str, Collection[int]]) -> Progress:
    """What there is, and what was asked for: seeds by the folder of the arm."""
    states = {arm: dict.fromkeys(sorted(seeds), "to do") for arm, seeds in asked.items()}
    for run in runs:
        states.setdefault(_name(run.arm, run.variant), {})[run.seed] = run.state
    bad = [run for run in runs if run.state in ("failed", "diverged", "unreadable")]
    problems = tuple(f"{_name(run.arm, run.variant)} seed {run.seed} {run.state}: {run.problem}" for run in bad)
    return Progress(states=states, problems=problems, seconds_left=_left(states, runs))


def _left(states: dict[str, dict[int, str]], runs: Sequence[Run]) -> float | None:
    known = seconds_by_arm(
        (_name(run.arm, run.variant), run.metrics["train/seconds"]) for run in runs if "train/seconds" in run.metrics
    )
    still_open = [arm for arm, of_arm in states.items() for s in of_arm.values() if s not in ("done", "diverged")]
    return sum(expected_seconds(arm, known) for arm in still_open) if known and still_open else None


def _name(arm: str, variant: str) -> str:
    return f"{arm}.{variant}" if variant else arm


def studies_under(root: Path) -> list[Path]:
    """Study folders under a run root: those that hold run directories or study.json."""
    return sorted(p for p in root.iterdir() if p.is_dir() and (any(p.glob("*/seed-*")) or (p / "study.json").exists()))
