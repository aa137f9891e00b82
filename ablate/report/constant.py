"""What was held constant: each arm's recipe against the baseline's, and the recipe that all of them start from."""

from collections.abc import Sequence
from dataclasses import dataclass

from ablate.config.science import flatten
from ablate.report.collect import Collected
from ablate.report.tables.hyperparameters import say
from ablate.studies.gate import recipe_of


@dataclass(frozen=True, kw_only=True)
class ArmRow:
    """An arm with its description and the keys it changes, as `(key, baseline's value, its own)`.

    known: whether any of its runs says what it was.
    """

    arm: str
    description: str
    is_baseline: bool
    is_control: bool
    known: bool
    changes: tuple[tuple[str, str, str], ...]


def arm_rows(collected: Collected) -> list[ArmRow]:
    """One row per arm, in the study's order."""
    material, study = collected.material, collected.material.judgement.study
    return [
        ArmRow(
            arm=arm, description=material.descriptions.get(arm, ""), is_baseline=arm == study.baseline,
            is_control=any(arm == part.control for part in study.parts), known=arm in material.changes,
            changes=tuple(
                (key, say(old), say(new)) for key, (old, new) in material.changes.get(arm, {}).items()
            ),
        )
        for arm in study.arms
    ]  # fmt: skip


def baseline_keys(collected: Collected) -> list[str]:
    """Every key of the baseline's recipe; empty where no run of it is known."""
    study = collected.material.judgement.study
    run = next((r for r in collected.material.runs if r.arm == study.baseline and r.identity), None)
    return [] if run is None else sorted(flatten(recipe_of(run)))


def never_differs(rows: Sequence[ArmRow], keys: Sequence[str]) -> int:
    """How many of the keys are the same in every arm."""
    changed = {key for row in rows for key, _, _ in row.changes}
    return sum(key not in changed for key in keys)
