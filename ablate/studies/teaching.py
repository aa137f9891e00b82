"""Distillation claims need a teacher worth learning from: one that beats the same student without it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ablate.config.science import difference
from ablate.runs.collect import Run
from ablate.stats.onesample import estimate_mean, p_above
from ablate.studies.claims import StudyClaim
from ablate.studies.gate import is_of_learning, recipe_of
from ablate.studies.study import Study

OF_TEACHER, OF_STUDENT = "teacher/mlm_loss", "val/mlm_loss"
_SAME = ("model", "tokenizer", "data", "budget")
Table = Mapping[tuple[str, int], Run]


def untaught(claim: StudyClaim, study: Study, table: Table, *, seeds: Sequence[int], alpha: float) -> str | None:
    """Why a claim about students may not be judged: nothing shows that their teacher is better than they are alone.

    The teacher's held-out loss must be lower than that of the study's students without a teacher, over the seeds, by
    the paired one-sided t-test at `alpha`. None where no arm of the claim has a teacher, or where it is about cost.
    """
    taught = [arm for arm in claim.arms if _has_teacher(table, arm, seeds)]
    if not taught or not is_of_learning(claim):
        return None
    for arm in taught:
        alone = _alone(study, table, arm, seeds)
        if alone is None:
            return (
                f"{arm} has a teacher, and the study has no arm of the same model without one, such as student_hard: "
                "nothing shows that the teacher is worth learning from"
            )
        problem = _no_better(table, arm, alone, seeds, alpha=alpha)
        if problem is not None:
            return problem
    return None


def _has_teacher(table: Table, arm: str, seeds: Sequence[int]) -> bool:
    return any("teacher" in run.identity for seed in seeds if (run := table.get((arm, seed))) is not None)


def _alone(study: Study, table: Table, arm: str, seeds: Sequence[int]) -> str | None:
    """The study's arm that is the same model on the same data and budget, without a teacher; the most alike of several.

    Never the control, which must be worse.
    """
    student = _recipe(table, arm, seeds)
    if student is None:
        return None
    others = {other: _recipe(table, other, seeds) for other in study.arms if other != study.control}
    differing = {
        other: len(difference(recipe, student)) for other, recipe in others.items()
        if recipe is not None and "teacher" not in recipe and all(recipe.get(key) == student.get(key) for key in _SAME)
    }  # fmt: skip
    return min(differing, key=differing.__getitem__, default=None)


def _recipe(table: Table, arm: str, seeds: Sequence[int]) -> dict[str, Any] | None:
    runs = [run for seed in seeds if (run := table.get((arm, seed))) is not None and run.identity]
    return recipe_of(runs[0]) if runs else None


def _no_better(table: Table, arm: str, alone: str, seeds: Sequence[int], *, alpha: float) -> str | None:
    pairs = [(table.get((arm, seed)), table.get((alone, seed))) for seed in seeds]
    gains = [
        plain.metrics[OF_STUDENT] - taught.metrics[OF_TEACHER]
        for taught, plain in pairs
        if taught and plain and OF_TEACHER in taught.metrics and OF_STUDENT in plain.metrics
    ]
    if len(gains) < 2:
        return f"fewer than two seeds say how good the teacher of {arm} is beside {alone}"
    p = float(p_above(estimate_mean(np.array(gains)), 0.0))
    if p <= alpha:
        return None
    return (
        f"the teacher of {arm} is not shown to be better than {alone}, its student without it (held-out loss lower by "
        f"{np.mean(gains):.4g} nats, p = {p:.3g}): nothing can be said of learning from it"
    )
