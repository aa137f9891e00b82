"""The sweeps that together are a study's runs, as Hydra's sweeper takes them."""

from collections.abc import Iterable

from ablate.config.naming import exp_value
from ablate.config.science import LADDER
from ablate.studies.study import Study


def sweeps(study: Study) -> list[dict[str, str]]:
    """Overrides by key, every combination of which is a run: every arm of a seed before the next seed.

    A study that includes others has one sweep for all arms that nothing else is set for, one for each set of further
    overrides, and one for each ladder of learning rates, which some of its arms only are run at.
    """
    if not study.families:
        ladder = {LADDER: _ladder((1.0, *study.robustness))} if study.robustness else {}
        return [{**ladder, **_sweep(study, study.arms)}]
    arms: dict[tuple[tuple[str, str], ...], list[str]] = {(): []}
    for part in study.families:
        arms.setdefault(tuple(part.overrides.items()), []).extend(part.arms)
    plain = [{**dict(overrides), **_sweep(study, dict.fromkeys(of))} for overrides, of in arms.items() if of]
    ladders = [
        {LADDER: _ladder(part.robustness), **part.overrides, **_sweep(study, part.arms)}
        for part in study.families if part.robustness
    ]  # fmt: skip
    return [*plain, *ladders]


def _sweep(study: Study, arms: Iterable[str]) -> dict[str, str]:
    return {"seed": ",".join(map(str, study.seeds)), "+exp": ",".join(map(exp_value, arms))}


def _ladder(multiples: Iterable[float]) -> str:
    return ",".join(f"{multiple:g}" for multiple in multiples)
