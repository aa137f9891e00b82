"""A study: arms x seeds with claims, read from the plain values of a study file and checked in words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ablate.config.science import digest
from ablate.errors import UserError
from ablate.studies.claims import StudyClaim, read_claim
from ablate.studies.designs import Design, arms_of, claims_of, read_design
from ablate.studies.reading import distinct, listed, member, number, only

JOIN = "__"  # between the exps that an arm combines
_ARM = re.compile(r"[a-z][a-z0-9_]*")
STUDY_KEYS = (
    "name", "question", "baseline", "arms", "control", "seeds", "alpha", "looks", "claims", "design", "robustness",
    "scale", "data",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Study:
    """Arms x seeds with claims, fixed before the first run.

    arms: names of exps, joined by two underscores where an arm combines several. control: the arm that must be worse,
    for assay sensitivity. looks: planned looks as `{seeds, alpha}`; the shares of alpha sum to at most the study's.
    robustness: multiples of every arm's learning rate at which the contrasts are run again.
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
    plain: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def id(self) -> str:
        """Identifies the decisions of the study: 16 hex digits."""
        return digest(
            {
                "arms": sorted(self.arms), "seeds": list(self.seeds), "alpha": self.alpha, "control": self.control,
                "looks": [dict(look) for look in self.looks], "claims": sorted(c.id_hash for c in self.claims),
            }
        )  # fmt: skip


def exps_of(arm: str) -> list[str]:
    """The exps that an arm combines."""
    return arm.split(JOIN)


def read_study(plain: Mapping[str, Any]) -> Study:
    """The study of a study file's `study:` node.

    Raises:
        UserError: the first mistake, naming study, claim, key, value and options.
    """
    name = str(plain.get("name", "unnamed"))
    try:
        return _read(plain, name)
    except UserError as error:
        raise UserError(f"study {name}: {error}") from None


def _read(plain: Mapping[str, Any], name: str) -> Study:
    only(plain, STUDY_KEYS)
    design = read_design(plain.get("design"))
    arms = _arms(plain, design)
    alpha = number(plain.get("alpha", 0.05), "alpha")
    if not 0.0 < alpha < 0.5:
        raise UserError(f"alpha={alpha}: must lie between 0 and 0.5")
    stated = [*(plain.get("claims") or ()), *(claims_of(design) if design else ())]
    claims = tuple(read_claim(claim, arms) for claim in stated)
    distinct([claim.id for claim in claims], "claim ids")
    control = plain.get("control")
    if control is not None:
        member(str(control), arms, "control")
    _check_control(claims, control)
    return Study(
        name=name, question=str(plain.get("question", "")), baseline=str(plain["baseline"]), arms=arms,
        seeds=read_seeds(plain.get("seeds")), alpha=alpha, claims=claims,
        control=None if control is None else str(control),
        looks=_looks(plain.get("looks") or (), alpha),
        robustness=_ladder(plain.get("robustness") or ()), plain=dict(plain),
    )  # fmt: skip


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


def _looks(plain: Sequence[Any], alpha: float) -> tuple[Mapping[str, float], ...]:
    looks = []
    for look in plain:
        if not isinstance(look, Mapping) or set(look) != {"seeds", "alpha"}:
            raise UserError(f"looks: {look} must be {{seeds: n, alpha: share}}")
        looks.append({"seeds": number(look["seeds"], "looks"), "alpha": number(look["alpha"], "looks")})
    spent = sum(look["alpha"] for look in looks)
    if spent > alpha + 1e-12:
        raise UserError(f"looks: their shares of alpha sum to {spent:g}, more than alpha={alpha:g}")
    return tuple(looks)


def _ladder(plain: Sequence[Any]) -> tuple[float, ...]:
    ladder = tuple(number(value, "robustness") for value in listed(plain, "robustness"))
    if any(value <= 0 or value == 1 for value in ladder):
        raise UserError(f"robustness={list(ladder)}: multiples of the learning rate other than 1, such as [0.5, 2]")
    return ladder
