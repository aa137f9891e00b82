"""Two reports of a study: which verdicts changed, and whether claims, runs, code or data changed with them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablate.config.science import difference
from ablate.errors import UserError
from ablate.report.archive import ARCHIVE, Archive, read_archive
from ablate.report.collect import Collected
from ablate.report.tables.hyperparameters import say
from ablate.report.words import counted, listed, p_text
from ablate.runs.collect import Run
from ablate.runs.provenance import commit_text
from ablate.studies.judge import as_plain

VERDICTS = "verdicts.json"
_DECIDES = ("kind", "metric", "contrast", "margin", "threshold", "higher_is_better", "factors", "alpha")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One claim in the older and this report; verdicts are `not there` where a report has no such claim."""

    id: str
    before: str
    now: str
    why: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether the verdict is another one."""
        return self.before != self.now


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """name: the older report's folder. general: what changed for the study as a whole, as sentences."""

    name: str
    changes: tuple[Change, ...]
    general: tuple[str, ...]


def compare(collected: Collected, older: Path) -> Comparison:
    """Compare with the report in a folder.

    Raises:
        UserError: no report there, or a corrupt one.
    """
    before = read_verdicts(older)
    now = as_plain(collected.material.judgement)
    archive = read_archive(older) if (older / ARCHIVE).is_file() else None
    old_claims, new_claims = ({c["id"]: c for c in plain["claims"]} for plain in (before, now))
    runs = _RunChanges.between(archive, collected.archive)
    changes = [
        Change(
            id=name, before=_verdict(old_claims.get(name)), now=_verdict(new_claims.get(name)),
            why=_why(old_claims.get(name), new_claims.get(name), collected, runs),
        )
        for name in dict.fromkeys([*new_claims, *old_claims])
    ]  # fmt: skip
    return Comparison(
        name=older.resolve().name, changes=tuple(changes), general=_general(archive, collected.archive, runs)
    )


def read_verdicts(folder: Path) -> dict[str, Any]:
    """The verdicts.json of a report.

    Raises:
        UserError: it is not there, or is not one.
    """
    path = folder / VERDICTS
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if not all({"id", "verdict"} <= set(claim) for claim in plain["claims"]):
            raise KeyError("id, verdict")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not the verdicts of a report ({error})") from error
    return dict(plain)


@dataclass(frozen=True, kw_only=True)
class _RunChanges:
    """By arm, a sentence on what happened to its runs between two reports; known is False without the older runs.

    controls: a sentence where the study has another positive control.
    """

    known: bool
    by_arm: Mapping[str, str]
    controls: list[str] = field(default_factory=list)

    @classmethod
    def between(cls, old: Archive | None, new: Archive) -> "_RunChanges":
        if old is None:
            return cls(known=False, by_arm={})
        arms = dict.fromkeys([*(run.arm for run in new.runs), *(run.arm for run in old.runs)])
        found = {arm: _arm_change(_of_arm(old.runs, arm), _of_arm(new.runs, arm)) for arm in arms}
        before, now = (archive.study.control or "none" for archive in (old, new))
        controls = [] if before == now else [f"control: {before} -> {now}"]
        return cls(known=True, by_arm={arm: text for arm, text in found.items() if text}, controls=controls)


def _of_arm(runs: Sequence[Run], arm: str) -> dict[tuple[str, int], Run]:
    return {(run.variant, run.seed): run for run in runs if run.arm == arm}


def _arm_change(old: Mapping[tuple[str, int], Run], new: Mapping[tuple[str, int], Run]) -> str:
    both = sorted(old.keys() & new.keys())
    recipe = [key for key in both if _id(old[key]) != _id(new[key])]
    state = [key for key in both if key not in recipe and old[key].state != new[key].state]
    values = [
        key for key in both
        if key not in recipe and key not in state and _values(old[key]) != _values(new[key])
    ]  # fmt: skip
    parts = [
        _seeds("added", sorted(new.keys() - old.keys())), _seeds("gone", sorted(old.keys() - new.keys())),
        _seeds("of another recipe", recipe), _seeds("in another state", state), _seeds("with other numbers", values),
    ]  # fmt: skip
    return ", ".join(part for part in parts if part)


def _values(run: Run) -> dict[str, str]:
    return {name: repr(value) for name, value in run.metrics.items()}  # a value that is none equals itself here


def _id(run: Run) -> str:
    return run.record.run_id if run.record is not None else ""


def _seeds(what: str, keys: Sequence[tuple[str, int]]) -> str:
    return f"{counted(len(keys), 'run')} {what}" if keys else ""


def _verdict(claim: Mapping[str, Any] | None) -> str:
    return "not there" if claim is None else str(claim["verdict"])


def _why(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, collected: Collected, runs: _RunChanges
) -> tuple[str, ...]:
    if old is None or new is None:
        return ("the claim is new" if old is None else "the claim is gone",)
    stated = difference(*({key: one.get(key) for key in _DECIDES} for one in (old, new)))
    why = [f"claim: {key} {say(a)} -> {say(b)}" for key, (a, b) in stated.items()]
    if old.get("seeds") != new.get("seeds"):
        why.append(f"seeds judged: {listed(old.get('seeds', ()))} -> {listed(new.get('seeds', ()))}")
    if old.get("family_size") != new.get("family_size"):
        why.append(f"claims that share alpha: {old.get('family_size')} -> {new.get('family_size')}")
    arms = next(one.claim.arms for one in collected.material.judgement.claims if one.claim.id == new["id"])
    why += [f"runs of {arm}: {runs.by_arm[arm]}" for arm in arms if arm in runs.by_arm]
    if not why and old["verdict"] != new["verdict"]:
        why += _indirect(old, new, runs)
    return tuple(why)


def _indirect(old: Mapping[str, Any], new: Mapping[str, Any], runs: _RunChanges) -> list[str]:
    """Why a verdict changed though neither its claim nor its runs did."""
    if not runs.known:
        return ["nothing says which runs it rested on"]
    if old.get("p") == new.get("p") and old.get("p_holm") != new.get("p_holm"):
        adjusted = " -> ".join(p_text(one.get("p_holm")) or "none" for one in (old, new))
        return [f"other claims of its family changed, and its own is unchanged but for Holm: {adjusted}"]
    others = [f"runs of {arm}: {text}" for arm, text in runs.by_arm.items()]  # a control's, an untaught student's
    return others or runs.controls or ["neither its claim nor any runs changed: the judge did"]


def _general(old: Archive | None, new: Archive, runs: _RunChanges) -> tuple[str, ...]:
    if old is None:
        return (f"the older report has no {ARCHIVE}: nothing says which runs, code and data it was made from",)
    lines = [
        _set_change("code", _codes(old), _codes(new)),
        _set_change("data", _data(old), _data(new)),
        "" if old.study.id == new.study.id else f"study: {old.study.id} -> {new.study.id}",
        *runs.controls,
        "" if runs.by_arm else "the runs are the same",
    ]
    return tuple(line for line in lines if line)


def _codes(archive: Archive) -> list[str]:
    origins = archive.origins.values()
    return sorted({commit_text(str(one.git_sha)[:12], one.git_dirty) for one in origins if one.git_sha})


def _data(archive: Archive) -> list[str]:
    return sorted({str(run.identity.get("data", {}).get("fingerprint")) for run in archive.runs if run.identity})


def _set_change(what: str, old: Sequence[str], new: Sequence[str]) -> str:
    return "" if old == new else f"{what}: {listed(old) or 'not known'} -> {listed(new) or 'not known'}"
