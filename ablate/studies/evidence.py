"""From runs to the arrays that the statistics take: pairs of seeds, larger is better, and what was left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablate.runs.collect import Run
from ablate.stats.evidence import Evidence
from ablate.studies.claims import StudyClaim
from ablate.studies.exact import Recipes, run_check
from ablate.studies.examples import example_scores
from ablate.studies.gate import refusal
from ablate.studies.metrics import example_task
from ablate.studies.study import Study

Table = Mapping[tuple[str, int], Run]  # one variant's runs by arm and seed


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """A claim's evidence, the seeds in it, and sentences on what is not."""

    evidence: Evidence
    seeds: tuple[int, ...]
    notes: tuple[str, ...] = ()


def gather(
    claim: StudyClaim, study: Study, table: Table, *, seeds: Sequence[int], recipes: Recipes, foreign: bool = False
) -> Gathered:
    """The evidence on one claim at the study's seeds (or a look's).

    foreign: results without run directories, so nothing is known of recipes, nor of what was planned.
    """
    if claim.kind == "exact":
        return _exact(claim, recipes)
    arms = _arms(claim, study)
    finished = {arm: [r for s in seeds if (r := table.get((arm, s))) and r.state == "done"] for arm in arms}
    refused = _without_metric(claim, finished)
    if not foreign:
        refused = _missing(claim, table, seeds) or refusal(claim, finished, control=study.control) or refused
    if refused is not None:
        return Gathered(evidence=Evidence(refused=refused), seeds=())
    paired, notes = _paired(claim, table, seeds)
    scores = _scores(claim, claim.arms, table, paired)
    control, note = _control(claim, study, table, paired, crossed=any(s.ndim > 1 for s in scores.values()))
    evidence = Evidence(scores=scores, control=control)
    return Gathered(evidence=evidence, seeds=paired, notes=(*notes, *([note] if note else [])))


def _arms(claim: StudyClaim, study: Study) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*claim.arms, *([study.control] if study.control else [])]))


def _exact(claim: StudyClaim, recipes: Recipes) -> Gathered:
    assert isinstance(claim.contrast, Mapping)
    outcome = run_check(claim.contrast, recipes)
    if outcome is None:
        return Gathered(evidence=Evidence(refused="the recipes that the check compares are not known"), seeds=())
    return Gathered(evidence=Evidence(holds=outcome[0], note=outcome[1]), seeds=())


def _missing(claim: StudyClaim, table: Table, seeds: Sequence[int]) -> str | None:
    """Runs that are planned and not there: judging before they are would be an unplanned look."""
    lacking = [(arm, seed) for seed in seeds for arm in claim.arms if not _is_final(table.get((arm, seed)))]
    if not lacking:
        return None
    listed = ", ".join(f"{arm} seed {seed} ({_state(table.get((arm, seed)))})" for arm, seed in lacking[:4])
    more = f" and {len(lacking) - 4} more" if len(lacking) > 4 else ""
    return f"{len(lacking)} of {len(seeds) * len(claim.arms)} planned runs are not finished: {listed}{more}"


def _is_final(run: Run | None) -> bool:
    return run is not None and run.state in ("done", "diverged")


def _state(run: Run | None) -> str:
    if run is None:
        return "not started"
    return f"{run.state}: {run.problem}" if run.state in ("failed", "unreadable") else run.state


def _without_metric(claim: StudyClaim, runs: Mapping[str, Sequence[Run]]) -> str | None:
    lacking = [arm for arm in claim.arms if runs[arm] and not any(claim.metric in run.metrics for run in runs[arm])]
    if not lacking:
        return None
    return f"the runs of {', '.join(lacking)} have no {claim.metric}; run the study again with an eval that measures it"


def _paired(claim: StudyClaim, table: Table, seeds: Sequence[int]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Seeds in which every arm has the metric; each other seed with the reason why its pair is left out."""
    paired, notes = [], []
    for seed in seeds:
        reasons = [_reason(claim, arm, table.get((arm, seed))) for arm in claim.arms]
        found = [reason for reason in reasons if reason]
        if found:
            notes.append(f"seed {seed} is left out: {', '.join(found)}")
        else:
            paired.append(seed)
    return tuple(paired), tuple(notes)


def _reason(claim: StudyClaim, arm: str, run: Run | None) -> str | None:
    if run is None:
        return f"there is no {arm}"
    if run.state == "diverged":
        return f"{arm} diverged: {run.problem}"
    return None if claim.metric in run.metrics else f"{arm} has no {claim.metric}"


def _scores(claim: StudyClaim, arms: Sequence[str], table: Table, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """Per arm `(num_seeds,)`, or `(num_seeds, num_examples)` where the metric's predictions are there for every run."""
    if (asked := example_task(claim.metric)) and claim.kind != "speed" and len(seeds) > 1:
        runs = [[table[arm, seed].directory for seed in seeds] for arm in arms]
        found = example_scores(runs, task=asked[0], score=asked[1])
        if found is not None:
            return dict(zip(arms, found, strict=True))
    sign = 1.0 if claim.higher_is_better or claim.kind == "speed" else -1.0
    return {
        arm: sign * np.array([table[arm, seed].metrics[claim.metric] for seed in seeds], dtype=np.float64)
        for arm in arms
    }


def _control(
    claim: StudyClaim, study: Study, table: Table, seeds: Sequence[int], *, crossed: bool
) -> tuple[np.ndarray | None, str | None]:
    """The control's scores at the claim's seeds; without any of them there is no control."""
    if study.control is None:
        return None, None
    runs = [table.get((study.control, seed)) for seed in seeds]
    lacking = [seed for seed, run in zip(seeds, runs, strict=True) if run is None or claim.metric not in run.metrics]
    if lacking:
        return None, f"the control {study.control} has no {claim.metric} for seed {', '.join(map(str, lacking))}"
    scores = _scores(claim, (study.control,), table, seeds)[study.control]
    return (scores, None) if (scores.ndim > 1) == crossed else (None, "the control has no predictions per example")
