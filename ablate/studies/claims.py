"""A claim of a study file: a sentence, as a contrast over arms that runs can support or contradict."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ablate.config.science import digest
from ablate.errors import UserError
from ablate.stats.claims import KINDS, Claim, check_claim, parts_of
from ablate.studies.exact import ARMS_COMPARED, CHECKS
from ablate.studies.factors import check_factors
from ablate.studies.metrics import is_better_higher
from ablate.studies.papers import published
from ablate.studies.reading import listed, near, only, optional

CLAIM_KEYS = (
    "id", "says", "source", "kind", "contrast", "metric", "margin", "threshold", "effect", "factors", "published",
    "higher_is_better",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StudyClaim:
    """A sentence of a paper or of the user, as a contrast that runs can support or contradict.

    margin, threshold, effect: as in `stats.claims.Claim`, in the metric's unit. factors: the only ones in which the
    claim's arms may differ. published: rows of the papers' tables to print beside it, as `{table, row, against}`.
    """

    id: str
    says: str
    kind: str
    contrast: str | tuple[str, ...] | Mapping[str, Any] = ""
    metric: str = ""
    source: str = ""
    margin: float | None = None
    threshold: float | None = None
    effect: float | None = None
    factors: tuple[str, ...] = ()
    published: tuple[Mapping[str, str], ...] = ()
    higher_is_better: bool = True

    @property
    def test(self) -> Claim:
        """What the statistics need of it."""
        contrast = self.contrast
        if self.kind == "exact":
            contrast = ""
        return Claim(
            id=self.id, kind=self.kind, contrast=contrast, margin=self.margin, threshold=self.threshold,
            effect=self.effect,
        )  # fmt: skip

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The arms that the claim compares, in order of first mention; for an exact one any exps."""
        if self.kind == "exact":
            assert isinstance(self.contrast, Mapping)
            return tuple(str(arm) for arm in self.contrast.get("arms", ()))
        return tuple(dict.fromkeys(arm for part in parts_of(self.test) for arm in part.contrast.arms))

    @property
    def id_hash(self) -> str:
        """Identifies what would be decided: everything but wording and what is printed beside it."""
        said = {key: value for key, value in asdict(self).items() if key not in ("says", "source", "published")}
        return digest(said)


def read_claim(plain: Mapping[str, Any], arms: Sequence[str]) -> StudyClaim:
    """One claim, checked against the study's arms.

    Raises:
        UserError: what is missing, unknown or contradictory.
    """
    if not isinstance(plain, Mapping) or not plain.get("id"):
        raise UserError(f"claims: {plain!r} has no id")
    name = str(plain["id"])
    try:
        claim = _claim(plain, name)
        check_factors(claim.factors)
        for reference in claim.published:
            published(reference)
        if claim.kind == "exact":
            _check_exact(claim)
        else:
            check_claim(claim.test, arms)
            _check_sense(claim)
    except UserError as error:
        text = str(error).removeprefix(f"claim {name!r}: ")
        raise UserError(f"claim {name}: {text}") from None
    return claim


def _claim(plain: Mapping[str, Any], name: str) -> StudyClaim:
    only(plain, CLAIM_KEYS)
    kind = str(plain.get("kind", ""))
    if kind not in KINDS:
        raise UserError(f"kind={kind}: unknown{near(kind, KINDS)}; kinds: {', '.join(KINDS)}")
    for key in ("says", "contrast", *(() if kind == "exact" else ("metric", "factors"))):
        if not plain.get(key):
            raise UserError(f"{key}: missing")
    references = listed(plain.get("published") or (), "published")
    for reference in references:
        if not isinstance(reference, Mapping):
            raise UserError(f"published={reference}: must be {{table: ..., row: ...}}")
    metric, stated = str(plain.get("metric", "")), plain.get("higher_is_better")
    if stated is not None and not isinstance(stated, bool):
        raise UserError(f"higher_is_better={stated}: must be true or false")
    contrast = plain["contrast"]
    arms = list(contrast.values()) if isinstance(contrast, Mapping) and kind != "exact" else contrast
    if isinstance(arms, list) and not all(isinstance(arm, str) for arm in arms):
        raise UserError(f"contrast={contrast}: arms are names")
    return StudyClaim(
        id=name, says=str(plain["says"]), source=str(plain.get("source", "")), kind=kind, metric=metric,
        contrast=tuple(contrast) if isinstance(contrast, list) else contrast,
        margin=optional(plain, "margin"), threshold=optional(plain, "threshold"), effect=optional(plain, "effect"),
        factors=tuple(str(f) for f in listed(plain.get("factors") or (), "factors")),
        published=tuple(references),
        higher_is_better=True if kind == "exact" else is_better_higher(metric, stated=stated),
    )  # fmt: skip


def _check_sense(claim: StudyClaim) -> None:
    if claim.kind == "retention" and not claim.higher_is_better:
        raise UserError(f"metric={claim.metric}: a share of a loss means nothing; retention takes a score")
    if claim.kind == "speed" and claim.metric.split("/")[0] in ("val", "embedded", "glue", "probe"):
        raise UserError(f"metric={claim.metric}: speed takes a time or a throughput")


def _check_exact(claim: StudyClaim) -> None:
    if not isinstance(claim.contrast, Mapping) or "check" not in claim.contrast:
        raise UserError(f"contrast={claim.contrast}: exact takes {{check: name, arms: [...]}}")
    check, arms = str(claim.contrast["check"]), listed(claim.contrast.get("arms", ()), "contrast.arms")
    if check not in CHECKS:
        raise UserError(f"check={check}: unknown; checks: {', '.join(CHECKS)}")
    if len(arms) != ARMS_COMPARED.get(check, 0):
        raise UserError(f"contrast.arms={list(arms)}: {check} compares {ARMS_COMPARED.get(check, 0)} arms")
