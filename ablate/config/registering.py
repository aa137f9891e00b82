"""Before a study's first run: its claims are checked against its arms, and written down in study.json."""

from collections.abc import Sequence

from ablate.config.build import build_corpus
from ablate.config.packing import Planned
from ablate.config.reference import with_flops
from ablate.config.science import recipe
from ablate.config.studies import study_of
from ablate.studies.confounds import check_epochs, check_recipes
from ablate.studies.registration import register


def register_study(jobs: Sequence[Planned]) -> None:
    """Check the study that the jobs are of, and append it to study.json; nothing for ad hoc sweeps.

    Raises:
        UserError: a claim that its own arms cannot test.
    """
    study = study_of(jobs[0].cfg) if jobs else None
    if study is None:
        return
    arms = first_of_arms(jobs)
    recipes = {arm: _recipe(job) for arm, job in arms.items()}
    check_recipes(study, recipes)
    if any({"masking", "data_fraction", "data"} & set(claim.factors) for claim in study.claims):
        check_epochs(study, recipes, {arm: train_tokens(job) for arm, job in arms.items()})
    asked: dict[str, list[int]] = {}
    for job in jobs:
        asked.setdefault(job.place.arm, []).append(job.place.seed)
    for folder in {job.place.root / job.place.study for job in jobs}:
        register(folder, study, asked=asked)


def first_of_arms(jobs: Sequence[Planned]) -> dict[str, Planned]:
    """One job of every arm, by the arm's name in the study."""
    found: dict[str, Planned] = {}
    for job in jobs:
        found.setdefault(job.place.arm.partition(".")[0], job)
    return found


def train_tokens(job: Planned) -> int:
    """Tokens of the training documents at the job's data.fraction; prepares the corpus where it is not."""
    corpus = build_corpus(job.cfg, job.place.root)
    return max(round(len(corpus.train.tokens) * job.cfg.data.fraction), 1)


def _recipe(job: Planned) -> dict[str, object]:
    return recipe(with_flops(job.cfg, list(job.overrides), config_dirs=job.config_dirs))
