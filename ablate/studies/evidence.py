"""From runs to the arrays that the statistics take: pairs of seeds, larger is better, and what was left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ablate.runs.collect import Run
from ablate.stats.assay import OF_NO_LOSS
from ablate.stats.evidence import Evidence
from ablate.studies.claims import StudyClaim
from ablate.studies.exact import Recipes, run_check
from ablate.studies.examples import example_scores
from ablate.studies.foreign import Examples, aligned
from ablate.studies.gate import refusal
from ablate.studies.metrics import example_task, majority_of
from ablate.studies.study import Study
from ablate.studies.teaching import untaught

UNFINISHED = "planned runs are not finished"
Table = Mapping[tuple[str, int], Run]  # one variant's runs by arm and seed


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """A claim's evidence, the seeds in it, and sentences on what is not."""

    evidence: Evidence
    seeds: tuple[int, ...]
    notes: tuple[str, ...] = ()


def gather(
    claim: StudyClaim, study: Study, table: Table, *, seeds: Sequence[int], alpha: float, recipes: Recipes,
    foreign: bool = False, examples: Examples | None = None,
) -> Gathered:  # fmt: skip
    """The evidence on one claim at the study's seeds and alpha (or a look's).

    foreign: results without run directories, so nothing is known of recipes, nor of what was planned. examples: their
    values per test example, where there are any.
    """
    if claim.kind == "exact":
        return _exact(claim, recipes)
    arms = _arms(claim, study)
    finished = {arm: [r for s in seeds if (r := table.get((arm, s))) and r.state == "done"] for arm in arms}
    refused = _without_metric(claim, finished)
    if not foreign:
        refused = (
            _missing(arms if claim.kind in OF_NO_LOSS else claim.arms, table, seeds)
            or refusal(claim, finished, control=study.control)
            or refused
            or untaught(claim, study, table, seeds=seeds, alpha=alpha)
        )
    if refused is not None:
        return Gathered(evidence=Evidence(refused=refused), seeds=())
    paired, notes = _paired(claim, table, seeds)
    source = _Source(claim, table, paired, examples or {})
    scores = source.scores(claim.arms)
    control, note = _control(source, study, crossed=any(s.ndim > 1 for s in scores.values()))
    evidence, remark = _over_majority(claim, Evidence(scores=scores, control=control), finished)
    said = (text for text in (source.remark(crossed=any(s.ndim > 1 for s in scores.values())), note, remark) if text)
    return Gathered(evidence=evidence, seeds=paired, notes=(*notes, *said))


def _over_majority(
    claim: StudyClaim, evidence: Evidence, runs: Mapping[str, Sequence[Run]]
) -> tuple[Evidence, str | None]:
    """For retention the evidence with the metric's majority baseline, or a note that there is none."""
    if claim.kind != "retention":
        return evidence, None
    name = majority_of(claim.metric)
    values = [run.metrics[name] for of_arm in runs.values() for run in of_arm if name in run.metrics]
    if not values:
        return evidence, f"{name} is not known, so retention is of the plain score, not of the gain over the majority"
    if max(values) - min(values) > 1e-9:
        refused = f"{name} is {min(values):.4g} in some runs and {max(values):.4g} in others: other test examples"
        return replace(evidence, refused=refused), None
    return replace(evidence, baseline=values[0]), None


def _arms(claim: StudyClaim, study: Study) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*claim.arms, *([study.control] if study.control else [])]))


def _exact(claim: StudyClaim, recipes: Recipes) -> Gathered:
    assert isinstance(claim.contrast, Mapping)
    outcome = run_check(claim.contrast, recipes)
    if outcome is None:
        return Gathered(evidence=Evidence(refused="the recipes that the check compares are not known"), seeds=())
    return Gathered(evidence=Evidence(holds=outcome[0], note=outcome[1]), seeds=())


def _missing(arms: Sequence[str], table: Table, seeds: Sequence[int]) -> str | None:
    """Runs that are planned and not there: judging before they are would be an unplanned look."""
    lacking = [(arm, seed) for seed in seeds for arm in arms if not _is_final(table.get((arm, seed)))]
    if not lacking:
        return None
    listed = ", ".join(f"{arm} seed {seed} ({_state(table.get((arm, seed)))})" for arm, seed in lacking[:4])
    more = f" and {len(lacking) - 4} more" if len(lacking) > 4 else ""
    return f"{len(lacking)} of {len(seeds) * len(arms)} {UNFINISHED}: {listed}{more}"


def _is_final(run: Run | None) -> bool:
    return run is not None and run.is_final


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
    if run.state in ("diverged", "failed", "running"):
        return f"{arm} {'is running' if run.state == 'running' else run.state}: {run.problem}"
    return None if claim.metric in run.metrics else f"{arm} has no {claim.metric}"


@dataclass(frozen=True)
class _Source:
    """Where the scores of a claim's pairs come from: metrics, predictions beside them, or others' example values."""

    claim: StudyClaim
    table: Table
    seeds: tuple[int, ...]
    examples: Examples

    def scores(self, arms: Sequence[str], *, examples: bool = True) -> dict[str, np.ndarray]:
        """Per arm `(num_seeds,)`, or `(num_seeds, num_examples)` where every run has a value for each example.

        examples: whether to look for them.
        """
        claim, seeds = self.claim, self.seeds
        sign = 1.0 if claim.higher_is_better or claim.kind == "speed" else -1.0
        crossed = self._crossed(arms) if examples and claim.kind != "speed" and len(seeds) > 1 else None
        if crossed is not None:
            return dict(zip(arms, crossed, strict=True))
        return {
            arm: sign * np.array([self.table[arm, seed].metrics[claim.metric] for seed in seeds], dtype=np.float64)
            for arm in arms
        }

    def _crossed(self, arms: Sequence[str]) -> list[np.ndarray] | None:
        metric, like = self.claim.metric, (self.claim.arms[0], self.seeds[0])
        if self.examples:
            sign = 1.0 if self.claim.higher_is_better else -1.0
            found = [aligned(self.examples, metric, [(arm, s) for s in self.seeds], like=like) for arm in arms]
            return None if any(one is None for one in found) else [sign * one for one in found if one is not None]
        asked = example_task(metric)
        if asked is None:
            return None
        runs = [[self.table[arm, seed].directory for seed in self.seeds] for arm in arms]
        return example_scores(runs, task=asked[0], score=asked[1])

    def remark(self, *, crossed: bool) -> str | None:
        """What a reader should know where example values were given and could not be used."""
        if crossed or len(self.seeds) < 2 or not any(metric == self.claim.metric for metric, *_ in self.examples):
            return None
        return "the runs have values of different examples, so seeds alone are tested, on this test set"


def _control(source: _Source, study: Study, *, crossed: bool) -> tuple[np.ndarray | None, str | None]:
    """The control's scores at the claim's seeds, nan at those where it has none; None without a control.

    A number per seed where the control has no value per example.
    """
    if study.control is None:
        return None, None
    metric = source.claim.metric
    runs = {seed: source.table.get((study.control, seed)) for seed in source.seeds}
    there = tuple(seed for seed, run in runs.items() if run is not None and metric in run.metrics)
    lacking = [seed for seed in source.seeds if seed not in there]
    note = f"the control {study.control} has no {metric} for seed {', '.join(map(str, lacking))}" if lacking else None
    if not there:
        return np.full(len(source.seeds), np.nan), note
    found = replace(source, seeds=there).scores((study.control,), examples=crossed)[study.control]
    if crossed and found.ndim == 1:
        note = "; ".join(filter(None, (note, f"the control {study.control} has no values per example: by seeds alone")))
    scores = np.full((len(source.seeds), *found.shape[1:]), np.nan)
    scores[[source.seeds.index(seed) for seed in there]] = found
    return scores, note
