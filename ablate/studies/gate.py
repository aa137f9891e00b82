"""The gate: may these runs be compared for this claim? Every reason against it is a sentence that names keys."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ablate.config.science import difference
from ablate.runs.collect import Run
from ablate.studies.claims import StudyClaim
from ablate.studies.confounds import confound_sentence, confounded
from ablate.studies.encodings import unit_problem
from ablate.studies.factors import listed_keys
from ablate.studies.metrics import parts_behind

AUDITED = {
    "tokens": "train/tokens",
    "bytes": "train/epochs",
    "updates": "train/updates",
    "flops": "train/flops",
    "seconds": "train/seconds",
}
_TOLERANCE = {"tokens": 0.01, "bytes": 0.01, "updates": 0.0, "flops": 0.03, "seconds": 0.1}
_NOT_EVALUATED = ("train/", "params", "flops_per_token")
_OF_SPEED = ("latency_ms", "throughput")
_TIMED = ("train/seconds", "train/tokens_per_s", *_OF_SPEED)

ByArm = Mapping[str, Sequence[Run]]  # finished runs of the claim's arms


def refusal(claim: StudyClaim, runs: ByArm, *, control: str | None = None) -> str | None:
    """Why the claim may not be judged on these runs, as one sentence; None if it may.

    The control differs by design and is held to the same evaluation only.
    """
    compared = {arm: runs.get(arm, ()) for arm in claim.arms}
    everyone = [*(run for arm in compared.values() for run in arm), *(runs.get(control, ()) if control else ())]
    reasons = (
        _wrong_seed(everyone), _duplicates(compared), _mixed(compared), _confounds(claim, compared),
        _units(claim, compared), _evaluations(claim, everyone), _questions(claim, everyone), _budgets(claim, compared),
        _hardware(claim, everyone), _inputs(claim, everyone),
    )  # fmt: skip
    found = [reason for reason in reasons if reason]
    return "; ".join(found) or None


def is_of_learning(claim: StudyClaim) -> bool:
    """Whether the claim is about what a model has learnt, and not about what it costs."""
    return not claim.metric.startswith((*_NOT_EVALUATED, *_TIMED))


def _wrong_seed(runs: Iterable[Run]) -> str | None:
    bad = [run for run in runs if run.identity.get("seed") != run.seed]
    if not bad:
        return None
    return f"{bad[0].directory} was run with seed {bad[0].identity.get('seed')}, not {bad[0].seed}"


def _duplicates(runs: ByArm) -> str | None:
    for arm, of_arm in runs.items():
        seen: dict[str, Run] = {}
        for run in of_arm:
            assert run.record is not None
            other = seen.setdefault(run.record.run_id, run)
            if other is not run:
                return f"{arm}: seeds {other.seed} and {run.seed} are one run ({run.record.run_id}) counted twice"
    return None


def _mixed(runs: ByArm) -> str | None:
    """Runs of one arm that are not the same recipe."""
    for arm, of_arm in runs.items():
        first, *others = of_arm or (None,)
        for run in others:
            if first is not None and recipe_of(run) != recipe_of(first):
                changed = difference(recipe_of(first), recipe_of(run))
                seeds = f"seeds {first.seed} and {run.seed}"
                return f"the runs of {arm} differ among themselves ({seeds}): {listed_keys(changed)}"
    return None


def _confounds(claim: StudyClaim, runs: ByArm) -> str | None:
    found = confounded(claim, {arm: recipe_of(of_arm[0]) for arm, of_arm in runs.items() if of_arm})
    return confound_sentence(claim, found) if found else None


def _units(claim: StudyClaim, runs: ByArm) -> str | None:
    return unit_problem(claim, {arm: recipe_of(of_arm[0]) for arm, of_arm in runs.items() if of_arm})


def _evaluations(claim: StudyClaim, runs: Sequence[Run]) -> str | None:
    if claim.metric.startswith(_NOT_EVALUATED):
        return None
    by_id: dict[str, Run] = {}
    for run in runs:
        assert run.record is not None
        by_id.setdefault(run.record.evaluation_id, run)
    known = [run.record.evaluations for run in runs if run.record is not None]
    if len(by_id) < 2 or (all(known) and parts_behind(claim.metric, known[0])):
        return None  # what the metric comes from is compared by content (`_questions`), wherever its files lay
    first, second, *_ = by_id.values()
    asked = [_eval(run.directory) for run in (first, second)]
    changed = difference({"eval": asked[0]}, {"eval": asked[1]}) if all(asked) else {}  # a report keeps no configs
    what = listed_keys(changed) if changed else "the composed configs do not show where"
    names = _pair(first, second)
    return f"the runs were evaluated in {len(by_id)} different ways ({names}): {what}"


def _pair(first: Run, second: Run) -> str:
    return f"{first.arm} seed {first.seed} and {second.arm} seed {second.seed}"


def _questions(claim: StudyClaim, runs: Sequence[Run]) -> str | None:
    """Runs that were asked something else since (`ablate.finetune`) keep the id of their evaluation, or have none."""
    if claim.metric.startswith(_NOT_EVALUATED):
        return None
    records = [run.record for run in runs if run.record is not None]
    names = dict.fromkeys(name for record in records for name in record.evaluations)
    behind = parts_behind(claim.metric, names)
    for name in behind:
        by_id: dict[str | None, Run] = {}
        for run, record in zip(runs, records, strict=True):
            if record.evaluations:  # older versions kept none
                by_id.setdefault(record.evaluations.get(name), run)
        if len(by_id) > 1:
            first, second, *_ = by_id.values()
            asked = _pair(first, second)
            return (
                f"{name} was asked in {len(by_id)} different ways ({asked}); ask every run alike with ablate.finetune"
            )
    if not behind and any(record.evaluation_id == "" for record in records):
        return f"some runs were asked again since, and nothing says that {claim.metric} was asked alike"
    return None


def _budgets(claim: StudyClaim, runs: ByArm) -> str | None:
    """Arms that did not use what the budget matches, beyond the grain of an update."""
    if "budget" in claim.factors:
        return None
    by_seed: dict[int, list[Run]] = {}
    for run in (run for of_arm in runs.values() for run in of_arm):
        by_seed.setdefault(run.seed, []).append(run)
    for seed, together in by_seed.items():
        match = together[0].identity.get("budget", {}).get("match", "tokens")
        used = {run.arm: _spent(match, run) for run in together if AUDITED[match] in run.metrics}
        if used and max(used.values()) - min(used.values()) > _slack(match, together, max(used.values())):
            listed = ", ".join(f"{arm} {_amount(match, amount)}" for arm, amount in used.items())
            return f"the budgets are not matched in {match} (seed {seed}): {listed}"
    return None


def _spent(match: str, run: Run) -> float:
    """In the unit that is audited; for bytes in passes over all of the text, which is the same for every tokenizer."""
    spent = run.metrics[AUDITED[match]]
    return spent * run.identity.get("data", {}).get("fraction", 1.0) if match == "bytes" else spent


def _amount(match: str, spent: float) -> str:
    return f"{spent:.4g} passes over the text" if match == "bytes" else f"{spent:,.0f}"


def _slack(match: str, runs: Sequence[Run], largest: float) -> float:
    """A share of what was used; where updates are of so many tokens, at least two of them."""
    slack = _TOLERANCE[match] * largest
    if match not in ("tokens", "bytes"):
        return slack
    return max(slack, *(2.0 * _of_an_update(match, run) for run in runs))


def _of_an_update(match: str, run: Run) -> float:
    tokens = float(run.identity.get("optim", {}).get("batch_tokens", 0))
    if match == "tokens" or not run.metrics.get("train/tokens"):
        return tokens if match == "tokens" else 0.0
    return tokens * _spent(match, run) / run.metrics["train/tokens"] if AUDITED[match] in run.metrics else 0.0


def _hardware(claim: StudyClaim, runs: Sequence[Run]) -> str | None:
    if not claim.metric.startswith(_TIMED):
        return None
    kinds = sorted({run.hardware for run in runs})
    return f"times from different machines are compared: {' and '.join(kinds)}" if len(kinds) > 1 else None


def _inputs(claim: StudyClaim, runs: Sequence[Run]) -> str | None:
    """Speeds of inputs of another length, or with other threads: a run may have been measured again by itself."""
    if not claim.metric.startswith(_OF_SPEED):
        return None
    for key, what in (("latency_ms/length", "tokens per input"), ("latency_ms/threads", "threads")):
        found = sorted({run.metrics[key] for run in runs if key in run.metrics})
        if len(found) > 1:
            return f"speeds at different numbers of {what} are compared: {' and '.join(f'{one:g}' for one in found)}"
    return None


def recipe_of(run: Run) -> dict[str, Any]:
    """What the run trained, apart from its seed."""
    return {key: value for key, value in run.identity.items() if key != "seed"}


def _eval(directory: Path) -> Any:
    try:
        return yaml.safe_load((directory / ".hydra" / "config.yaml").read_text()).get("eval")
    except (OSError, AttributeError, yaml.YAMLError):
        return None
