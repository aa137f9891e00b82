"""Before a study's first run: its claims are checked against its arms, and written down in study.json."""

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ablate.config.build import build_corpus
from ablate.config.packing import Planned
from ablate.config.reference import cfg_of
from ablate.config.science import difference, recipe
from ablate.config.studies import study_of
from ablate.errors import UserError
from ablate.studies.confounds import check_epochs, check_recipes
from ablate.studies.registration import register
from ablate.studies.study import Study


def register_study(jobs: Sequence[Planned]) -> None:
    """Check the study that the jobs are of, and append it to study.json; nothing for ad hoc sweeps.

    Raises:
        UserError: as `check_study`.
    """
    study = check_study(jobs)
    if study is None:
        return
    asked: dict[str, list[int]] = {}
    for job in jobs:
        asked.setdefault(job.place.arm, []).append(job.place.seed)
    for folder in {job.place.root / job.place.study for job in jobs}:
        register(folder, study, asked=asked)


def check_study(jobs: Sequence[Planned], *, with_corpus: bool = True) -> Study | None:
    """The study that the jobs are of, where its arms can test its claims; None for ad hoc sweeps.

    with_corpus: count its tokens too, which prepares it where it is not.

    Raises:
        UserError: a claim that its own arms cannot test, or an arm that changes more than its recipe.
    """
    study = study_of(jobs[0].cfg) if jobs else None
    if study is None:
        return None
    arms = first_of_arms(jobs)
    _check_asked_alike(arms)
    recipes = {arm: _recipe(job) for arm, job in arms.items()}
    check_recipes(study, recipes)
    if with_corpus and any({"masking", "data_fraction", "data"} & set(claim.factors) for claim in study.claims):
        check_epochs(study, recipes, {arm: train_tokens(job) for arm, job in arms.items()})
    return study


def _check_asked_alike(arms: Mapping[str, Planned]) -> None:
    """Refuse an arm whose models are asked other questions, or computed in another precision, than the first arm's."""
    first, *others = arms.items()
    for arm, job in others:
        changed = difference(_beside_the_recipe(first[1].cfg), _beside_the_recipe(job.cfg))
        if changed:
            key, (old, new) = next(iter(changed.items()))
            raise UserError(
                f"arm {arm}: {key}={new}, where {first[0]} has {old}; an arm may change the recipe only, not how it is "
                "evaluated or computed"
            )


def _beside_the_recipe(cfg: DictConfig) -> dict[str, Any]:
    asked = OmegaConf.to_container(cfg.eval, resolve=True)
    assert isinstance(asked, dict)
    asked.pop("every_tokens", None)  # the grid of the curve, which goes with the budget
    return {"eval": asked, "trainer": {key: cfg.trainer[key] for key in ("precision", "dropout_bits")}}


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
    return recipe(cfg_of(job))
