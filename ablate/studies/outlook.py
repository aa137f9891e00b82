"""Before spending: what each claim could detect with the planned seeds, and its power under Holm."""

from collections.abc import Mapping, Sequence

import numpy as np

from ablate.errors import UserError
from ablate.runs.collect import Run
from ablate.stats.claims import parts_of
from ablate.stats.contrasts import evaluate
from ablate.stats.crossed import estimate_crossed
from ablate.stats.planning import Noise, Plan, plan_claim
from ablate.stats.power import sd_upper_limit
from ablate.studies.claims import StudyClaim
from ablate.studies.examples import example_scores
from ablate.studies.families import judged_runs, runs_of
from ablate.studies.metrics import example_task
from ablate.studies.study import Study

FEWEST = 0.5  # power below which a claim is flagged


def outlooks(study: Study, noise: Mapping[str, float], pilots: Sequence[Run]) -> list[tuple[StudyClaim, Plan | None]]:
    """A plan per claim; None for exact claims and where nothing is known of the noise.

    noise: sd of a per-seed difference by metric, of a ratio for speed as a share of it; pilots: runs of the claims'
    arms, whose own spread is used instead, at the 80 % upper limit of the true one. A study that includes others has
    each claim planned in its own family.

    Raises:
        UserError: a speed's noise that is no share.
    """
    if study.families:
        return [one for part in study.families for one in outlooks(part, noise, runs_of(part, pilots, foreign=True))]
    pilots = judged_runs(study, pilots)
    tested = [claim for claim in study.claims if claim.kind != "exact"]
    plans: list[tuple[StudyClaim, Plan | None]] = []
    for claim in study.claims:
        found = pilot_noise(claim, pilots) or _given(claim, noise)
        if claim.kind == "exact" or found is None or len(study.seeds) < 2:
            plans.append((claim, None))
        else:
            alpha = study.looks[-1]["alpha"] if study.looks else study.alpha
            plan = plan_claim(claim.test, noise=found, num_seeds=len(study.seeds), alpha=alpha, family_size=len(tested))
            plans.append((claim, plan))
    return plans


def pilot_noise(claim: StudyClaim, pilots: Sequence[Run]) -> dict[str, Noise] | None:
    """The spread of each part's contrast over the pilots' seeds; None without two seeds in every arm.

    With what the choice of test examples adds, where the pilots have predictions of the metric's task.
    """
    if claim.kind == "exact":
        return None
    known = {(run.arm, run.seed): run for run in pilots if claim.metric in run.metrics}
    seeds = [s for s in sorted({s for _, s in known}) if all((arm, s) in known for arm in claim.arms)]
    if len(seeds) < 2:
        return None
    runs = {arm: [known[arm, seed] for seed in seeds] for arm in claim.arms}
    scores = {arm: np.array([run.metrics[claim.metric] for run in of_arm]) for arm, of_arm in runs.items()}
    spreads = {
        part.name: float(evaluate(part.contrast, scores).std(ddof=1)) for part in parts_of(claim.test)
    }  # fmt: skip
    if not all(sd > 0 and np.isfinite(sd) for sd in spreads.values()):
        return None
    floors = _floors(claim, runs)
    return {
        name: Noise(sd=sd_upper_limit(sd, num_seeds=len(seeds)), floor=floors.get(name, 0.0))
        for name, sd in spreads.items()
    }


def _floors(claim: StudyClaim, runs: Mapping[str, Sequence[Run]]) -> dict[str, float]:
    """What more seeds do not shrink of each part's variance; empty where there are no predictions per example."""
    asked = example_task(claim.metric)
    if asked is None:
        return {}
    found = example_scores(
        [[run.directory for run in of_arm] for of_arm in runs.values()], task=asked[0], score=asked[1]
    )
    if found is None:
        return {}
    scores = dict(zip(runs, found, strict=True))
    return {
        part.name: float(estimate_crossed(evaluate(part.contrast, scores)).floor) for part in parts_of(claim.test)
    }  # fmt: skip


def _given(claim: StudyClaim, noise: Mapping[str, float]) -> dict[str, Noise] | None:
    """The stated sd of a difference of two arms (a speed's: a share), scaled to each part's coefficients.

    Raises:
        UserError: a speed's noise that is no share.
    """
    sd = noise.get(claim.metric)
    if sd is None or claim.kind == "exact":
        return None
    if claim.kind == "speed" and sd >= 1.0:
        raise UserError(
            f"--noise {claim.metric}={sd:g}: {claim.id} is about a ratio, whose noise is a share of it: 0.05 for 5 %"
        )
    parts = parts_of(claim.test)
    return {
        part.name: Noise(sd=sd * float(np.sqrt(sum(c**2 for _, c in part.contrast.coefficients) / 2.0)))
        for part in parts
    }  # fmt: skip
