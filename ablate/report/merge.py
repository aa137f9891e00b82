"""Several places' runs of one study as one: seeds that were run on another machine, or kept by an earlier report."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ablate.errors import UserError
from ablate.report.archive import Archive
from ablate.report.origins import Setting
from ablate.runs.collect import Run
from ablate.studies.registration import registered_at
from ablate.studies.study import Study, read_study

_FINAL = ("done", "diverged")
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
    return Archive(
        name=first.name, study=_study(archives), runs=tuple(run for run, _ in chosen.values()),
        entries=_entries(archives),
        curves=_curves(archives, chosen),
        descriptions={arm: said for one in reversed(archives) for arm, said in one.descriptions.items() if said},
        origins={
            run.directory: archives[place].origins[run.directory]
            for run, place in chosen.values() if run.directory in archives[place].origins
        },
        setting=first.setting,
    )  # fmt: skip


def _check_mergeable(first: Archive, other: Archive, *, names: tuple[str, str]) -> None:
    if other.foreign:
        raise UserError(f"{names[1]}: others' results are judged alone; several sources are folders of runs or reports")
    if other.study.name != first.study.name:
        raise UserError(f"{names[1]}: is of study {other.study.name}, {names[0]} of {first.study.name}")
    if other.setting != first.setting:
        raise UserError(f"{names[1]}: was run with {_said(other.setting)}, {names[0]} with {_said(first.setting)}")


def _said(setting: Setting) -> str:
    return f"scale={setting.scale or '?'} data={setting.data or '?'}"


def _entries(archives: Sequence[Archive]) -> tuple[Mapping[str, Any], ...]:
    """All registrations, oldest first; one that a report kept of a folder that is there too counts once."""
    found: list[Mapping[str, Any]] = []
    for entry in (entry for archive in archives for entry in archive.entries):
        if entry not in found:
            found.append(entry)
    return tuple(sorted(found, key=registered_at))


def _study(archives: Sequence[Archive]) -> Study:
    registered = [archive for archive in archives if archive.entries]
    last = max(registered, key=lambda one: registered_at(one.entries[-1]), default=archives[0]).study
    seeds = sorted({seed for archive in archives for seed in archive.study.seeds})
    return last if seeds == sorted(last.seeds) else read_study({**last.plain, "seeds": seeds})


def _chosen(archives: Sequence[Archive], named: Sequence[str]) -> dict[_Key, tuple[Run, int]]:
    """Every run with the place that it is taken from, in the order of `collect`."""
    found: dict[_Key, tuple[Run, int]] = {}
    for place, archive in enumerate(archives):
        for run in archive.runs:
            key = (run.variant, run.arm, run.seed)
            known, where = found.get(key, (None, 0))
            if known is None or known.state not in _FINAL:
                found[key] = (run, place)
            elif run.state in _FINAL and _numbers(run) != _numbers(known):
                raise UserError(
                    f"{run.arm} seed {run.seed} is finished in {named[where]} and in {named[place]}, with other "
                    f"numbers; a run counts once, so leave one of the two out"
                )
    return dict(sorted(found.items()))


def _numbers(run: Run) -> str:
    """A run's id and metrics as text, in which nan equals nan."""
    assert run.record is not None
    return repr((run.record.run_id, sorted(run.record.metrics.items())))


def _curves(archives: Sequence[Archive], chosen: dict[_Key, tuple[Run, int]]) -> pd.DataFrame:
    """The curves of every run, from the place that it is taken from."""
    found = []
    for place, archive in enumerate(archives):
        if len(archive.curves):
            keys = zip(archive.curves["variant"], archive.curves["arm"], archive.curves["seed"], strict=True)
            found.append(archive.curves[[chosen[key][1] == place for key in keys]])
    if not found:
        return pd.DataFrame()
    order = ["variant", "arm", "seed"]
    return pd.concat(found, ignore_index=True).sort_values(order, kind="stable", ignore_index=True)
