"""Provenance and how to run it all again, as rows of text."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from ablate.config.naming import DEFAULT_DATA, DEFAULT_SCALE
from ablate.config.paths import conf_dir
from ablate.report.archive import VALUES
from ablate.report.collect import Collected
from ablate.report.words import cost_text, counted, seeds_text
from ablate.runs.provenance import commit_text
from ablate.studies.costs import cost_of

Row = tuple[str, tuple[str, ...]]  # a term, and a line per thing


def provenance_rows(collected: Collected) -> list[Row]:
    """What the numbers come from: study, registration, runs, code, packages, machine, data."""
    archive, judgement = collected.archive, collected.material.judgement
    origins = archive.origins.values()
    rows = [
        ("Study", (f"{judgement.study.name}, {judgement.study.id}",)),
        ("Registered", _registrations(collected)),
        ("Runs", (cost_text(cost_of(collected.material.runs)), *_times(collected))),
        ("Other overrides", ((f"judged at {judgement.variant}",) if judgement.variant else ())),
        ("Scale", ((archive.setting.scale,) if archive.setting.scale else ())),
        ("Data", _data(collected)),
        ("Code", _counted(f"commit {commit_text(o.git_sha, o.git_dirty)}" for o in origins if o.git_sha)),
        ("Python", _counted(one.python for one in origins if one.python)),
        ("Packages", _packages(collected)),
        ("Machine", _counted(one.machine for one in origins if one.machine)),
    ]
    return [(term, lines) for term, lines in rows if lines]


_FROM_FILES = ("python -m ablate.report .", "in this folder: this page, from the files beside it")


def rerun_lines(collected: Collected) -> list[tuple[str, str]]:
    """Commands with what each is for."""
    archive, name = collected.archive, collected.archive.name
    if archive.foreign:
        values = f" --examples reports/{name}/{VALUES}" if archive.examples else ""
        known = (conf_dir() / "study" / f"{archive.study.name}.yaml").is_file()
        csv = f"python -m ablate.report {name}.csv --study {archive.study.name}{values}"
        return [*([(csv, "this page, from the csv")] if known else []), _FROM_FILES]
    shas = sorted({one.git_sha for one in archive.origins.values() if one.git_sha})
    where = "the code that ran, where the repository has that commit"
    checkout = [(f"git checkout {shas[0]}", where)] if len(shas) == 1 else []
    return [
        *checkout,
        *((command, "every run; finished ones are skipped") for command in _sweeps(collected)),
        *([(f"python -m ablate.report multirun/{name}", "its report")] if archive.places == 1 else []),
        _FROM_FILES,
    ]


def _sweeps(collected: Collected) -> list[str]:
    """The registered commands; of several, those that ask for a run which none of the later, or larger, asks for."""
    entries, setting = collected.archive.entries, collected.archive.setting
    asked = [{(arm, seed) for arm, seeds in one.get("asked", {}).items() for seed in seeds} for one in entries]
    said: list[str] = []
    for i, entry in enumerate(entries):
        covered = any(asked[i] < other for other in asked) or any(asked[i] == other for other in asked[i + 1 :])
        words = [str(word) for word in entry.get("command", ())][1:]
        if words and not covered:
            said.append(f"python -m ablate {shlex.join(words)}")
    if said:
        return said
    words = [f"scale={setting.scale}"] if setting.scale not in ("", DEFAULT_SCALE) else []
    words += [f"data={setting.data}"] if setting.data not in ("", DEFAULT_DATA) else []
    return [" ".join([f"python -m ablate -m +study={collected.archive.study.name}", *words])]


def _registrations(collected: Collected) -> tuple[str, ...]:
    """When and what; of the same again, as by a study in several commands, how often and when last."""
    texts = []
    for what, entries in groupby(collected.archive.entries, key=_registered):
        times = [entry["registered"] for entry in entries]
        again = f", and {counted(len(times) - 1, 'time')} more, last {times[-1]}" if len(times) > 1 else ""
        texts.append(f"{times[0]}, {what}{again}")
    return tuple(texts)


def _registered(entry: Mapping[str, Any]) -> str:
    claims, seeds = counted(len(entry["claims"]), "claim"), seeds_text(entry.get("seeds", ()))
    return f"{entry.get('study_id', '')}, {claims}, seeds {seeds}"


def _times(collected: Collected) -> tuple[str, ...]:
    started = sorted(run.started for run in collected.material.runs if run.started is not None)
    if not started:
        return ()
    return (f"started {started[0].isoformat(timespec='minutes')} to {started[-1].isoformat(timespec='minutes')}",)


def _data(collected: Collected) -> tuple[str, ...]:
    prints = _counted(
        f"fingerprint {run.identity['data']['fingerprint']}"
        for run in collected.material.runs if isinstance(run.identity.get("data"), dict)
    )  # fmt: skip
    name = collected.archive.setting.data
    return (*((name,) if name else ()), *prints)


def _packages(collected: Collected) -> tuple[str, ...]:
    versions: dict[str, set[str]] = {}
    for origin in collected.archive.origins.values():
        for package, version in origin.packages.items():
            versions.setdefault(package, set()).add(version or "none")
    texts = [f"{package} {' and '.join(sorted(found))}" for package, found in versions.items()]
    return (", ".join(texts),) if texts else ()


def _counted(texts: Iterable[str]) -> tuple[str, ...]:
    """Each text once, and of how many runs it holds where they differ."""
    counts = Counter(texts)
    if len(counts) < 2:
        return tuple(counts)
    return tuple(f"{text} ({counted(number, 'run')})" for text, number in sorted(counts.items()))
