"""A study: arms x seeds with claims, read from the plain values of a study file and checked in words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ablate.config.science import digest
from ablate.errors import UserError
from ablate.studies.claims import StudyClaim, read_claim
from ablate.studies.designs import Design, arms_of, claims_of, read_design
from ablate.studies.reading import distinct, listed, member, number, only

_ARM = re.compile(r"[a-z][a-z0-9_]*")
STUDY_KEYS = (
    "name", "question", "baseline", "arms", "control", "seeds", "alpha", "looks", "claims", "design", "robustness",
    "scale", "data",
)  # fmt: skip
INCLUDING_KEYS = ("name", "question", "include", "seeds", "scale", "data")


@dataclass(frozen=True, kw_only=True)
class Study:
    """Arms x seeds with claims, fixed before the first run.

    arms: names of exps, joined by two underscores where an arm combines several. control: the arm that must be worse,
    for assay sensitivity. looks: planned looks as `{seeds, alpha}`; the shares of alpha sum to at most the study's.
    robustness: multiples of every arm's learning rate at which the contrasts are run again.

    families: the studies that this one includes. It has their arms and claims, shares their runs, and leaves each its
    own control, alpha, looks and robustness; alpha is then the largest of theirs. overrides: what an included study
    sets for its arms beside their exps.
    """

    name: str
    question: str
    baseline: str
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    alpha: float
    claims: tuple[StudyClaim, ...]
    control: str | None = None
    looks: tuple[Mapping[str, float], ...] = ()
    robustness: tuple[float, ...] = ()
    families: tuple["Study", ...] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)
    plain: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def parts(self) -> tuple["Study", ...]:
        """What is judged with an alpha of its own: the included studies, or else this one."""
        return self.families or (self,)

    @property
    def only_metric(self) -> str | None:
        """The metric that all claims are about, if it is one."""
        metrics = {claim.metric for claim in self.claims if claim.metric}
        return metrics.pop() if len(metrics) == 1 else None

    def part_of(self, claim: StudyClaim) -> "Study":
        """The part whose claim it is."""
        return next(part for part in self.parts if claim.id in {one.id for one in part.claims})

    def overrides_of(self, arm: str) -> Mapping[str, str]:
        """What is set for the arm beside its exps: by the study that brings it."""
        return next((part.overrides for part in self.parts if arm in part.arms), {})

    @property
    def id(self) -> str:
        """Identifies the decisions of the study: 16 hex digits."""
        if self.families:
            return digest({part.name: [part.id, dict(part.overrides)] for part in self.families})
        return digest(
            {
                "arms": sorted(self.arms), "seeds": list(self.seeds), "alpha": self.alpha, "control": self.control,
                "looks": [dict(look) for look in self.looks], "claims": sorted(c.id_hash for c in self.claims),
            }
        )  # fmt: skip


def read_study(plain: Mapping[str, Any]) -> Study:
    """The study of a study file's `study:` node.

    Raises:
        UserError: the first mistake, naming study, claim, key, value and options.
    """
    name = str(plain.get("name", "unnamed"))
    try:
        return _read_including(plain, name) if "include" in plain else _read(plain, name)
    except UserError as error:
        raise UserError(f"study {name}: {error}") from None


def _read(plain: Mapping[str, Any], name: str) -> Study:
    only(plain, STUDY_KEYS)
    design = read_design(plain.get("design"))
    arms = _arms(plain, design)
    alpha = number(plain.get("alpha", 0.05), "alpha")
    if not 0.0 < alpha < 0.5:
        raise UserError(f"alpha={alpha}: must lie between 0 and 0.5")
    stated = [*listed(plain.get("claims") or (), "claims"), *(claims_of(design) if design else ())]
    seeds = read_seeds(plain.get("seeds"))
    claims = tuple(read_claim(claim, arms) for claim in stated)
    distinct([claim.id for claim in claims], "claim ids")
    control = plain.get("control")
    if control is not None:
        member(str(control), arms, "control")
    _check_control(claims, control)
    return Study(
        name=name, question=str(plain.get("question", "")), baseline=str(plain["baseline"]), arms=arms,
        seeds=seeds, alpha=alpha, claims=claims,
        control=None if control is None else str(control),
        looks=_looks(plain.get("looks") or (), alpha, num_seeds=len(seeds)),
        robustness=_ladder(plain.get("robustness") or ()), plain=dict(plain),
    )  # fmt: skip


def _read_including(plain: Mapping[str, Any], name: str) -> Study:
    for key in plain:
        if key not in INCLUDING_KEYS:
            raise UserError(f"{key}: a study with include takes it from those; keys: {', '.join(INCLUDING_KEYS)}")
    entries = listed(plain["include"], "include")
    families = tuple(_family(entry, name, plain.get("seeds")) for entry in entries)
    if not families:
        raise UserError("include: names no study")
    distinct([family.name for family in families], "include")
    _check_together(families)
    return Study(
        name=name, question=str(plain.get("question", "")), baseline=families[0].baseline,
        arms=tuple(dict.fromkeys(arm for family in families for arm in family.arms)), seeds=families[0].seeds,
        alpha=max(family.alpha for family in families),
        claims=tuple(claim for family in families for claim in family.claims), families=families, plain=dict(plain),
    )  # fmt: skip


def _family(entry: Any, name: str, seeds: Any) -> Study:
    """An included study, as `config.including` gives it: `{study: ..., overrides: {key: value}}`."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("study"), Mapping):
        raise UserError(f"include: {entry!r} must be the name of a study in study/")
    plain = entry["study"]
    if plain.get("name") == name:
        raise UserError(f"include={name}: is this study itself")
    if "include" in plain:
        raise UserError(f"include={plain.get('name')}: includes others itself; name those here")
    study = read_study({**plain, "seeds": seeds} if seeds is not None else plain)
    return replace(study, overrides={str(key): str(value) for key, value in (entry.get("overrides") or {}).items()})


def _check_together(families: Sequence[Study]) -> None:
    """Refuse studies that cannot share runs, or that say different things under one name."""
    first = families[0]
    for family in families[1:]:
        if family.seeds != first.seeds:
            raise UserError(
                f"include: {first.name} has seeds {', '.join(map(str, first.seeds))} and {family.name} "
                f"{', '.join(map(str, family.seeds))}; they share runs, so say seeds: in this study, for all of them"
            )
    of_claim: dict[str, str] = {}
    of_arm: dict[str, Study] = {}
    for family in families:
        for claim in family.claims:
            other = of_claim.setdefault(claim.id, family.name)
            if other != family.name:
                raise UserError(f"include: {other} and {family.name} both have a claim {claim.id}; ids must differ")
        for arm in family.arms:
            known = of_arm.setdefault(arm, family)
            if known.overrides != family.overrides:
                raise UserError(
                    f"include: arm {arm} is one recipe in {known.name} ({_set(known)}) and another in {family.name} "
                    f"({_set(family)})"
                )


def _set(family: Study) -> str:
    return ", ".join(f"{key}={value}" for key, value in family.overrides.items()) or "nothing set beside its exps"


def _arms(plain: Mapping[str, Any], design: Design | None) -> tuple[str, ...]:
    baseline = plain.get("baseline")
    if not baseline:
        raise UserError("baseline: missing; it names the arm that the others are compared with")
    named = [str(arm) for arm in listed(plain.get("arms") or (), "arms")]
    distinct(named, "arms")
    arms = tuple(dict.fromkeys([*named, *(arms_of(design) if design else ())]))
    for arm in arms:
        if not _ARM.fullmatch(arm):
            raise UserError(f"arm {arm!r}: a name has small letters, digits and _, and begins with a letter")
    if len(arms) < 2:
        raise UserError("arms: a study compares at least two")
    member(str(baseline), arms, "baseline")
    return arms


def read_seeds(value: Any) -> tuple[int, ...]:
    """Seeds from their number (0, 1, ...) or from a list."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return tuple(range(value))
    if isinstance(value, Sequence) and not isinstance(value, str) and value and all(type(v) is int for v in value):
        distinct([str(v) for v in value], "seeds")
        return tuple(value)
    raise UserError(f"seeds={value}: must be how many (5) or a list ([0, 1, 2])")


def _check_control(claims: Sequence[StudyClaim], control: Any) -> None:
    if control is not None:
        return
    for claim in claims:
        if claim.kind in ("non_inferiority", "equivalence", "retention", "additivity"):
            raise UserError(
                f"claim {claim.id}: kind {claim.kind} needs the study to name a control, an arm that must be worse "
                "(say control: budget_d4): on a plateau everything is equivalent"
            )


def _looks(plain: Any, alpha: float, *, num_seeds: int) -> tuple[Mapping[str, float], ...]:
    looks = []
    for look in listed(plain, "looks"):
        if not isinstance(look, Mapping) or set(look) != {"seeds", "alpha"}:
            raise UserError(f"looks: {look} must be {{seeds: n, alpha: share}}")
        count, share = number(look["seeds"], "looks.seeds"), number(look["alpha"], "looks.alpha")
        if not (count.is_integer() and 2 <= count <= num_seeds):
            raise UserError(f"looks.seeds={count:g}: must be a whole number from 2 to the study's {num_seeds} seeds")
        if share <= 0:
            raise UserError(f"looks.alpha={share:g}: must be above 0")
        looks.append({"seeds": count, "alpha": share})
    distinct([f"seeds={look['seeds']:g}" for look in looks], "looks")
    looks.sort(key=lambda look: look["seeds"])
    if looks and looks[-1]["seeds"] != num_seeds:
        last = looks[-1]["seeds"]
        raise UserError(f"looks: the last is at {last:g} of {num_seeds} seeds, and no look would see the others")
    spent = sum(look["alpha"] for look in looks)
    if spent > alpha + 1e-12:
        raise UserError(f"looks: their shares of alpha sum to {spent:g}, more than alpha={alpha:g}")
    return tuple(looks)


def _ladder(plain: Sequence[Any]) -> tuple[float, ...]:
    ladder = tuple(number(value, "robustness") for value in listed(plain, "robustness"))
    if any(value <= 0 or value == 1 for value in ladder):
        raise UserError(f"robustness={list(ladder)}: multiples of the learning rate other than 1, such as [0.5, 2]")
    return ladder
