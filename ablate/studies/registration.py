"""study.json: what was decided, and when. Append-only; says of each claim whether it was fixed before its runs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from ablate.config.science import difference
from ablate.errors import UserError
from ablate.runs.provenance import git_state
from ablate.runs.record import write_json
from ablate.studies.claims import StudyClaim
from ablate.studies.study import Study, read_study

FILE = "study.json"
PLACE = "place"  # of an entry, where several files were read as one: a digest of the first entry of its file
_WORDING = ("says", "source", "published")


@dataclass(frozen=True)
class Standing:
    """What study.json says of a claim. registered: before its first run finished; None where there is no file.

    refused: why it may not be judged. note: what a reader should know of it.
    """

    registered: bool | None
    refused: str | None = None
    note: str | None = None


Asked = Mapping[str, Sequence[int]]  # the seeds that a command line asks for, by the folder of the arm


def register(folder: Path, study: Study, *, asked: Asked) -> None:
    """Append the study as it now stands, unless the last entry says the same.

    Raises:
        UserError: study.json is corrupt.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".study.lock"):
        entries = read_entries(folder)
        entry = _entry(study, asked)
        if entries and all(entries[-1].get(key) == entry[key] for key in ("study_id", "claims", "asked")):
            return
        write_json(folder / FILE, {"study": study.name, "entries": [*entries, entry]})


def read_entries(folder: Path) -> list[dict[str, Any]]:
    """Every registration, oldest first; empty without a file.

    Raises:
        UserError: the file is corrupt.
    """
    path = folder / FILE
    try:
        entries = json.loads(path.read_text())["entries"]
        for entry in entries:
            datetime.fromisoformat(entry["registered"])
            dict(entry["claims"])
    except FileNotFoundError:
        return []
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is corrupt ({error}); nothing says any more what was decided before the runs"
        ) from error
    return list(entries)


def registered_study(folder: Path) -> Study:
    """The study as it was registered last: what a folder's runs are judged by.

    Raises:
        UserError: no study.json, or a corrupt one.
    """
    entries = read_entries(folder)
    if not entries:
        raise UserError(f"{folder}: has no {FILE}; name the study that its runs are of")
    if not isinstance(entries[-1].get("definition"), dict):
        raise UserError(f"{folder / FILE} is corrupt: its last entry has no definition")
    return read_study(entries[-1]["definition"])


def asked_runs(entries: Sequence[Mapping[str, Any]]) -> dict[str, set[int]]:
    """Every run that a command line has asked for so far: seeds by the folder of the arm."""
    asked: dict[str, set[int]] = {}
    for entry in entries:
        for arm, seeds in entry.get("asked", {}).items():
            asked.setdefault(arm, set()).update(seeds)
    return asked


def standing(
    claim: StudyClaim, study: Study, entries: list[dict[str, Any]], *, finished: Iterable[datetime | None]
) -> Standing:
    """Whether the claim as it stands was registered before the first of its runs finished."""
    if not entries:
        return Standing(None, note="there is no study.json: nothing says whether the claim came before the runs")
    first = min((time for time in finished if time is not None), default=None)
    now = decision(claim, study)
    early = [e for e in entries if first is None or registered_at(e) <= first]
    last = list({e.get(PLACE): e for e in early}.values())  # in each place, the later decision stands
    if any(e["claims"].get(claim.id) == now for e in (entries if first is None else last)):
        notes = (_otherwise_note(claim, now, last), _seeds_note(study, last), _family_note(claim, study, early[-1]))
        return Standing(True, note="; ".join(filter(None, notes)) or None)
    before = [e for e in (*last, *entries) if claim.id in e["claims"] and e["claims"][claim.id] != now]
    if before and first is not None:
        changed = _changes(before[0]["claims"][claim.id], now)
        return Standing(False, refused=f"the claim was changed after its runs ({changed}); that is a new study")
    if not any(e["claims"].get(claim.id) == now for e in entries):
        return Standing(False, note="the claim is not in study.json: it came after the runs")
    return Standing(False, note="the claim was registered after its first run had finished")


def decision(claim: StudyClaim, study: Study) -> dict[str, Any]:
    """What is decided about a claim before its runs, as plain values."""
    plain = {k: v for k, v in asdict(claim).items() if k not in _WORDING}
    plain |= {"alpha": study.alpha, "control": study.control, "looks": [dict(look) for look in study.looks]}
    return dict(json.loads(json.dumps(plain)))


def _entry(study: Study, asked: Asked) -> dict[str, Any]:
    return {
        "registered": datetime.now(UTC).isoformat(timespec="seconds"),
        "study_id": study.id,
        **git_state(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "baseline": study.baseline,
        "arms": list(study.arms),
        "seeds": list(study.seeds),
        "asked": {arm: list(seeds) for arm, seeds in asked.items()},
        "claims": {claim.id: decision(claim, study.part_of(claim)) for claim in study.claims},
        "definition": dict(study.plain),
    }


def _otherwise_note(claim: StudyClaim, now: dict[str, Any], last: Sequence[Mapping[str, Any]]) -> str | None:
    """Another decision on the claim that stood elsewhere when its runs began."""
    others = [one for entry in last if (one := entry["claims"].get(claim.id, now)) != now]
    if not others:
        return None
    return f"in another place the claim was registered otherwise ({_changes(others[0], now)})"


def _changes(old: dict[str, Any], new: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {before} -> {after}" for key, (before, after) in difference(old, new).items())


def _seeds_note(study: Study, last: Sequence[Mapping[str, Any]]) -> str | None:
    """Seeds added to, or taken from, what was decided before the first run was over; their order, which looks take."""
    planned = list(dict.fromkeys(seed for entry in last for seed in entry["seeds"]))
    added = [seed for seed in study.seeds if seed not in planned]
    dropped = [seed for seed in planned if seed not in study.seeds]
    said = [
        f"seeds {', '.join(map(str, seeds))} were {what} after runs had finished, without a planned look"
        for seeds, what in ((added, "added"), (dropped, "dropped")) if seeds
    ]  # fmt: skip
    if study.looks and not said and list(study.seeds) != planned:
        said.append("the order of seeds, of which each look takes the first, was changed after runs had finished")
    return "; ".join(said) or None


def _family_note(claim: StudyClaim, study: Study, early: Mapping[str, Any]) -> str | None:
    """Claims that shared alpha with this one and do not now: its p is adjusted over fewer than was decided."""
    gone = sorted(_sharing(early, claim.id) - {one.id for one in study.claims})
    if not gone:
        return None
    return (
        f"claims that shared its alpha when it was registered were dropped after runs had finished: {', '.join(gone)}"
    )


def _sharing(entry: Mapping[str, Any], name: str) -> set[str]:
    """The claims of the registered family, which is an included study's where the study included some."""
    tested = {claim for claim, decided in entry["claims"].items() if decided.get("kind") != "exact"}
    included = (one["study"] for one in (entry.get("definition") or {}).get("include") or ())
    families = [{str(claim["id"]) for claim in one.get("claims") or ()} for one in included]
    return tested & next((family for family in families if name in family), tested)


def registered_at(entry: Mapping[str, Any]) -> datetime:
    """When an entry of study.json was appended."""
    return datetime.fromisoformat(entry["registered"])
