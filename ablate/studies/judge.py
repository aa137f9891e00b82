"""From a study and its runs to verdicts: gather, gate, test, and say what a reader must know beside each."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ablate.runs.collect import Run
from ablate.runs.record import write_json
from ablate.stats.evidence import Evidence
from ablate.stats.verdicts import Verdict, judge_study
from ablate.studies.audit import ArmAudit, audit
from ablate.studies.claims import StudyClaim
from ablate.studies.evidence import Gathered, Table, gather
from ablate.studies.exact import Recipes
from ablate.studies.families import judged_runs, ladder_of, main_variant, runs_of, strays
from ablate.studies.foreign import Examples
from ablate.studies.papers import Figure, published
from ablate.studies.registration import Standing, standing
from ablate.studies.study import Study


@dataclass(frozen=True, kw_only=True)
class JudgedClaim:
    """A claim with its verdict. notes: what was left out and what to beware of, as sentences.

    registered: whether it was fixed before its first run finished; None where nothing says. stable: at how many
    other learning rates the verdict is the same, and of how many that could be tested; None without a ladder. family:
    the included study whose claim it is, over whose claims p is adjusted; None where the study includes none.
    """

    claim: StudyClaim
    verdict: Verdict
    seeds: tuple[int, ...]
    registered: bool | None
    notes: tuple[str, ...] = ()
    published: tuple[Figure, ...] = ()
    stable: tuple[int, int] | None = None
    family: str | None = None


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A study's verdicts at one look, and what its arms used. notes: about the study as a whole.

    families: of a study that includes others, the judgement of each; alpha is then the largest of theirs.
    """

    study: Study
    variant: str
    alpha: float
    seeds: tuple[int, ...]
    claims: tuple[JudgedClaim, ...]
    arms: tuple[ArmAudit, ...]
    notes: tuple[str, ...] = ()
    families: tuple["Judgement", ...] = ()


def judge(
    study: Study, runs: Sequence[Run], *, recipes: Recipes, entries: list[dict[str, Any]] | None = None,
    foreign: bool = False, examples: Examples | None = None,
) -> Judgement:  # fmt: skip
    """Verdicts on every claim. Recipes are needed by exact claims only; `entries` are those of study.json.

    foreign: results of others, about whose recipes and registration nothing is known. examples: their values per test
    example, where there are any.
    """
    if study.families:
        return _together(study, runs, recipes=recipes, entries=entries, foreign=foreign, examples=examples)
    variants, main = sorted({run.variant for run in runs}), main_variant(runs)
    used = judged_runs(study, runs)
    stands = {claim.id: _standing(claim, study, used, entries or [], foreign=foreign) for claim in study.claims}
    given: dict[str, Any] = {"recipes": recipes, "foreign": foreign, "examples": examples}
    judged, seeds, alpha = _judge_variant(study, runs, main, stands=stands, **given)
    ladder = ladder_of(main, variants)
    others = [_judge_variant(study, runs, v, **given)[0] for v in ladder]
    claims = [_dressed(claim, gathered, verdict, stands[claim.id]) for claim, gathered, verdict in judged]
    if others:
        claims = [replace(c, stable=_stable(i, c.verdict, others)) for i, c in enumerate(claims)]
    arms = audit(study.arms, [run for run in used if run.seed in seeds])
    unused = [v for v in variants if v != main and v not in ladder]
    notes = (*_seed_notes(study, used, seeds, foreign=foreign), *_notes(study, used, unused))
    return Judgement(study=study, variant=main, alpha=alpha, seeds=seeds, claims=tuple(claims), arms=arms, notes=notes)


def _together(study: Study, runs: Sequence[Run], *, foreign: bool, **given: Any) -> Judgement:
    """Each included study judged on its own runs as if it were alone, and their claims one after another."""
    parts = tuple(
        judge(part, runs_of(part, runs, foreign=foreign), foreign=foreign, **given) for part in study.families
    )
    seeds = max((part.seeds for part in parts), key=len)
    used = [run for run in judged_runs(study, runs, foreign=foreign) if run.seed in seeds]
    notes = [note for part in parts for note in part.notes]
    return Judgement(
        study=study, variant=parts[0].variant, alpha=max(part.alpha for part in parts), seeds=seeds,
        claims=tuple(replace(one, family=part.study.name) for part in parts for one in part.claims),
        arms=audit(study.arms, used), families=parts,
        notes=tuple(dict.fromkeys([*notes, *strays(study, runs, foreign=foreign)])),
    )  # fmt: skip


def write_verdicts(path: Path, judgement: Judgement) -> None:
    """verdicts.json: the study, and every claim with its numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, as_plain(judgement))


def as_plain(judgement: Judgement) -> dict[str, Any]:
    """The judgement as JSON has it; numbers that are not finite become null."""
    families = [
        {"study": one.study.name, "study_id": one.study.id, "alpha": one.alpha, "seeds": list(one.seeds)}
        for one in judgement.families
    ]  # fmt: skip
    plain = {
        "study": judgement.study.name, "study_id": judgement.study.id, "variant": judgement.variant,
        "alpha": judgement.alpha, "seeds": list(judgement.seeds), "notes": list(judgement.notes),
        "claims": [_claim_plain(one) for one in judgement.claims],
        "arms": [asdict(arm) for arm in judgement.arms], **({"families": families} if families else {}),
    }  # fmt: skip
    return dict(_finite(json.loads(json.dumps(plain))))


_Judged = tuple[StudyClaim, Gathered, Verdict]


def _judge_variant(
    study: Study, runs: Sequence[Run], variant: str, *, recipes: Recipes, foreign: bool,
    examples: Examples | None, stands: Mapping[str, Standing] | None = None,
) -> tuple[list[_Judged], tuple[int, ...], float]:  # fmt: skip
    table: Table = {(run.arm, run.seed): run for run in runs if run.variant == variant}
    seeds, alpha = (tuple(sorted({s for _, s in table})), study.alpha) if foreign else look(study, table)
    given: dict[str, Any] = {"seeds": seeds, "alpha": alpha, "foreign": foreign}
    given |= {"recipes": recipes, "examples": examples}
    gathered = [gather(c, study, table, **given) for c in study.claims]
    evidence = {c.id: g.evidence for c, g in zip(study.claims, gathered, strict=True)}
    for name, stand in (stands or {}).items():
        if stand.refused is not None:
            evidence[name] = Evidence(refused=stand.refused)
    verdicts = judge_study([claim.test for claim in study.claims], evidence, alpha=alpha)
    return list(zip(study.claims, gathered, verdicts, strict=True)), seeds, alpha


def look(study: Study, table: Table) -> tuple[tuple[int, ...], float]:
    """The seeds and the share of alpha to judge with: all of them, or those of the last planned look that is complete.

    A look is complete when every arm has a final run for each of the first so many seeds.
    """
    if not study.looks:
        return study.seeds, study.alpha
    looks = sorted(study.looks, key=lambda one: one["seeds"])
    chosen = looks[0]
    for one in looks:
        seeds = study.seeds[: int(one["seeds"])]
        if all((run := table.get((arm, s))) and run.is_final for arm in study.arms for s in seeds):
            chosen = one
    return study.seeds[: int(chosen["seeds"])], chosen["alpha"]


def _standing(
    claim: StudyClaim, study: Study, runs: Iterable[Run], entries: list[dict[str, Any]], *, foreign: bool
) -> Standing:
    if foreign:
        return Standing(None, note="others' results: nothing is known of recipes, budgets or when the claim was made")
    if claim.kind == "exact":
        return Standing(True)
    return standing(claim, study, entries, finished=[run.finished for run in runs if run.arm in claim.arms])


def _dressed(claim: StudyClaim, gathered: Gathered, verdict: Verdict, stands: Standing) -> JudgedClaim:
    notes = (*gathered.notes, *([stands.note] if stands.note else []))
    figures = tuple(figure for reference in claim.published for figure in published(reference))
    return JudgedClaim(
        claim=claim, verdict=verdict, seeds=gathered.seeds, registered=stands.registered, notes=notes, published=figures
    )


def _stable(index: int, main: Verdict, others: Sequence[list[_Judged]]) -> tuple[int, int]:
    words = [word for judged in others if (word := judged[index][2].verdict) != "not testable"]
    if main.verdict == "not testable":
        return 0, 0
    return sum(word == main.verdict for word in words), len(words)


def _seed_notes(study: Study, runs: Sequence[Run], judged: Sequence[int], *, foreign: bool) -> Iterator[str]:
    """Which seeds were run and are not judged; of others' results, that all of theirs are."""
    if foreign:
        if tuple(judged) != tuple(study.seeds):
            yield f"the seeds are those of the results ({', '.join(map(str, judged))}), not those that the study names"
        return
    there = {run.seed for run in runs}
    extra, waiting = sorted(there - set(study.seeds)), sorted(there & set(study.seeds) - set(judged))
    if extra:
        yield f"seeds {', '.join(map(str, extra))} were run but are not the study's; they are left out"
    if waiting:
        yield f"seeds {', '.join(map(str, waiting))} were run but belong to a later look; they are left out until then"


def _notes(study: Study, runs: Sequence[Run], unused: Sequence[str]) -> tuple[str, ...]:
    notes = []
    foreign = sorted({run.arm for run in runs} - set(study.arms))
    if foreign:
        notes.append(f"arms {', '.join(foreign)} were run but are not the study's; they are left out")
    if unused:
        notes.append(f"runs with other overrides are there and are not judged: {', '.join(unused)}")
    broken = [run for run in runs if run.state in ("unreadable", "failed", "diverged")]
    notes += [f"{run.arm} seed {run.seed} is {run.state}: {run.problem}" for run in broken[:10]]
    if len(broken) > 10:
        notes.append(f"and {len(broken) - 10} more such runs")
    return tuple(notes)


def _claim_plain(one: JudgedClaim) -> dict[str, Any]:
    claim, verdict = one.claim, asdict(one.verdict)
    family = {} if one.family is None else {"family": one.family}
    return {
        "id": claim.id, **family, "says": claim.says, "source": claim.source, "kind": claim.kind,
        "metric": claim.metric, "contrast": claim.contrast, "margin": claim.margin, "threshold": claim.threshold,
        "higher_is_better": claim.higher_is_better, "factors": list(claim.factors),
        **{key: value for key, value in verdict.items() if key not in ("claim", "kind")},
        "seeds": list(one.seeds), "registered": one.registered, "notes": list(one.notes), "stable": one.stable,
        "published": [{**asdict(figure), "difference": figure.difference} for figure in one.published],
    }  # fmt: skip


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
