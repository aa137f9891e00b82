"""Several places' runs of one study as one: seeds that were run on another machine, or kept by an earlier report."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ablate.config.science import digest
from ablate.errors import UserError
from ablate.report.archive import Archive
from ablate.report.origins import Setting
from ablate.runs.collect import Run
from ablate.studies.registration import PLACE, registered_at
from ablate.studies.study import Study, read_study

_Key = tuple[str, str, int]  # variant, arm, seed: the order of `collect`


def merged(archives: Sequence[Archive], named: Sequence[str]) -> Archive:
    """One archive of all of their runs, under the name of the first.

    The study is the one registered last, with the seeds of all; whether its claims came before the runs is judged by
    every place's registrations. A run that several have counts once, finished before unfinished.

    named: what each is called in messages.

    Raises:
        UserError: other studies, scales or data; others' results; a run that is finished in two places with other
            numbers.
    """
    first, *others = archives
    if not others:
        return first
    for archive, name in zip(archives, named, strict=True):
        _check_mergeable(first, archive, names=(named[0], name))
    chosen = _chosen(archives, named)
    entries = _entries(archives)
    return Archive(
        name=first.name, study=_study(archives), runs=tuple(run for run, _ in chosen.values()), entries=entries,
        curves=_curves(archives, chosen), places=len({entry.get(PLACE) for entry in entries}) or len(archives),
        descriptions={arm: said for one in reversed(archives) for arm, said in one.descriptions.items() if said},
        origins={
            run.directory: archives[place].origins[run.directory]
            for run, place in chosen.values() if run.directory in archives[place].origins
        },
        setting=Setting(
            scale=next((one.setting.scale for one in archives if one.setting.scale), ""),
            data=next((one.setting.data for one in archives if one.setting.data), ""),
        ),
    )  # fmt: skip


def _check_mergeable(first: Archive, other: Archive, *, names: tuple[str, str]) -> None:
    if other.foreign:
        raise UserError(f"{names[1]}: others' results are judged alone; several sources are folders of runs or reports")
    if other.study.name != first.study.name:
        raise UserError(f"{names[1]}: is of study {other.study.name}, {names[0]} of {first.study.name}")
    for what, there, here in (
        ("scale", other.setting.scale, first.setting.scale), ("data", other.setting.data, first.setting.data)
    ):  # fmt: skip
        if there and here and there != here:
            raise UserError(f"{names[1]}: was run with {what}={there}, {names[0]} with {what}={here}")


def _entries(archives: Sequence[Archive]) -> tuple[Mapping[str, Any], ...]:
    """All registrations, oldest first, with their places if there are several; a report's and its folder's count once.

    A place is known by its first registration.
    """
    found: list[Mapping[str, Any]] = []
    for archive in archives:
        for entry in archive.entries:
            placed = {**entry, PLACE: entry.get(PLACE, digest(archive.entries[0]))}
            if placed not in found:
                found.append(placed)
    if len({entry[PLACE] for entry in found}) == 1:
        found = [{key: value for key, value in entry.items() if key != PLACE} for entry in found]
    return tuple(sorted(found, key=registered_at))


def _study(archives: Sequence[Archive]) -> Study:
    registered = sorted((one for one in archives if one.entries), key=lambda one: registered_at(one.entries[-1]))
    last = (registered or archives)[-1].study
    seeds = list(dict.fromkeys(seed for one in (registered or archives) for seed in one.study.seeds))
    return last if set(seeds) == set(last.seeds) else read_study({**last.plain, "seeds": seeds})


def _chosen(archives: Sequence[Archive], named: Sequence[str]) -> dict[_Key, tuple[Run, int]]:
    """Every run with the place that it is taken from, in the order of `collect`."""
    found: dict[_Key, tuple[Run, int]] = {}
    for place, archive in enumerate(archives):
        for run in archive.runs:
            key = (run.variant, run.arm, run.seed)
            known, where = found.get(key, (None, 0))
            if known is None or not known.is_final:
                found[key] = (run, place)
            elif run.is_final and (differs := _difference(known, run)):
                raise UserError(
                    f"{run.arm} seed {run.seed} is finished in {named[where]} and in {named[place]}, {differs}; a run "
                    "counts once: move one of the two run directories away, or leave that source out"
                )
    return dict(sorted(found.items()))


def _difference(one: Run, other: Run) -> str:
    """What two finished runs do not share, in words; empty where they are the same."""
    assert one.record is not None and other.record is not None
    if one.record.run_id != other.record.run_id:
        return "as other recipes"
    ours, theirs = one.record.metrics, other.record.metrics
    changed = sorted(name for name in {*ours, *theirs} if repr(ours.get(name)) != repr(theirs.get(name)))
    if not changed:
        return ""
    name = changed[0]
    return f"with other numbers ({name} {ours.get(name)} and {theirs.get(name)})"


def _curves(archives: Sequence[Archive], chosen: dict[_Key, tuple[Run, int]]) -> pd.DataFrame:
    """The curves of every run, from the place that it is taken from."""
    found = []
    for place, archive in enumerate(archives):
        if len(archive.curves):
            keys = zip(archive.curves["variant"], archive.curves["arm"], archive.curves["seed"], strict=True)
            found.append(archive.curves[[key in chosen and chosen[key][1] == place for key in keys]])
    if not found:
        return pd.DataFrame()
    order = ["variant", "arm", "seed"]
    return pd.concat(found, ignore_index=True).sort_values(order, kind="stable", ignore_index=True)
