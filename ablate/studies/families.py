"""Which runs belong to which of a study's parts: the studies that it includes, or the study itself."""

import re
from collections.abc import Sequence
from dataclasses import replace

from ablate.config.naming import safe
from ablate.config.science import LADDER
from ablate.runs.collect import Run
from ablate.studies.study import Study

_ON_LADDER = re.compile(rf"(?:^|\.){re.escape(LADDER)}-(\d+(?:\.\d+)?(?:e-?\d+)?)(?=\.|$)")  # within a variant


def main_variant(runs: Sequence[Run]) -> str:
    """The variant that is judged: the plain one, where there is any run of it, or the first.

    One at the arms' own learning rates goes before those of a ladder, whatever else was overridden with them.
    """
    return min({run.variant for run in runs}, key=_rank, default="")


def ladder_of(main: str, variants: Sequence[str]) -> list[str]:
    """The variants that differ from the judged one in the multiple of the learning rate alone."""
    own, rest = _split(main)
    return [v for v in variants if _split(v)[1] == rest and _split(v)[0] != own]


def judged_runs(study: Study, runs: Sequence[Run], *, foreign: bool = False) -> list[Run]:
    """The runs of each part's judged variant, as they are named on disk, in the order given.

    foreign: results of others, which say nothing of overrides.
    """
    if not study.families:
        return [run for run in runs if run.variant == main_variant(runs)]
    mains = {part.name: main_variant(runs_of(part, runs, foreign=foreign)) for part in study.families}
    return [
        run for run in runs
        if any(_variant(run, part, foreign=foreign) == mains[part.name] for part in study.families)
    ]  # fmt: skip


def runs_of(part: Study, runs: Sequence[Run], *, foreign: bool = False) -> list[Run]:
    """The runs of an included study's arms, as that study alone would name them.

    Learning rates that another study's ladder asks for are left out, unless every arm of this one was run at them.
    """
    named = [(run, _variant(run, part, foreign=foreign)) for run in runs]
    own = [replace(run, variant=variant) for run, variant in named if variant is not None]
    ladder = {run.variant for run in own if _split(run.variant)[0] not in (1.0, *part.robustness)}
    partial = {v for v in ladder if {run.arm for run in own if run.variant == v} != set(part.arms)}
    return [run for run in own if run.variant not in partial]


def strays(study: Study, runs: Sequence[Run], *, foreign: bool = False) -> list[str]:
    """A sentence on runs that belong to none of the included studies."""
    unknown = sorted({run.arm for run in runs} - set(study.arms))
    notes = [f"arms {', '.join(unknown)} were run but are not the study's; they are left out"] if unknown else []
    for part in study.families:
        without = sorted(
            {run.arm for run in runs if run.arm in part.arms and _variant(run, part, foreign=foreign) is None}
        )
        if without:
            asked = ", ".join(f"{key}={value}" for key, value in part.overrides.items())
            notes.append(f"runs of {', '.join(without)} without {asked} are left out: {part.name} asks for it")
    return notes


def _split(variant: str) -> tuple[float, str]:
    """The multiple of the learning rate that a variant names, 1 where it names none, and its other overrides.

    Overrides stand in the order of their names, so that the ladder's may have others before and after it.
    """
    found = _ON_LADDER.search(variant)
    if found is None:
        return 1.0, variant
    return float(found[1]), f"{variant[: found.start()]}{variant[found.end() :]}".strip(".")


def _rank(variant: str) -> tuple[bool, str, str]:
    multiple, rest = _split(variant)
    return multiple != 1.0, rest, variant


def _variant(run: Run, part: Study, *, foreign: bool = False) -> str | None:
    """The run's variant beside what the part sets for its arms; None where it is not of the part."""
    if run.arm not in part.arms:
        return None
    rest = f".{run.variant}."
    for key, value in () if foreign else part.overrides.items():
        own = f".{safe(f'{key}-{value}')}."
        if own not in rest:
            return None
        rest = rest.replace(own, ".", 1)
    return rest.strip(".")
