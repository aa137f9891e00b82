"""`python -m ablate.plan +study=nsp`: what a study will cost on this machine, and what it could find."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.command import Parser, config_dirs, main, parser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ablate.config.packing import Planned
    from ablate.config.rehearsal import Cost
    from ablate.runs.collect import Run
    from ablate.stats.planning import Plan
    from ablate.studies.claims import StudyClaim

GIGA = 1e9


def build_parser() -> Parser:
    """The command's arguments."""
    made = parser(
        "ablate.plan", "Before spending: rehearses every arm for some seconds on this machine and says how many runs, "
        "tokens, FLOPs, hours and how much disk a study takes, and what each claim could detect.",
        examples="  python -m ablate.plan +study=nsp\n"
        "  python -m ablate.plan +study=budget scale=gpu --price 2.5\n"
        "  python -m ablate.plan +study=aa --noise val/mlm_loss=0.08",
    )  # fmt: skip
    made.add_argument("--noise", action="append", default=[], metavar="METRIC=SD",
                      help="standard deviation over seeds of a difference between two arms; of a speed's "
                      "ratio, as a share of it")  # fmt: skip
    made.add_argument("--pilot", type=Path, default=None, help="a folder of runs whose spread to plan with")
    made.add_argument("--price", type=float, default=None, help="cost of this machine per hour")
    made.add_argument("--no-rehearsal", action="store_true", help="count runs and power only, measure nothing")
    return made


def plan(arguments: argparse.Namespace) -> int:
    """Plan the jobs, rehearse the arms, print."""
    from ablate.config.finished import is_finished, is_shared, shareable
    from ablate.config.registering import check_study
    from ablate.errors import UserError
    from ablate.studies.verdict_table import wide_console
    from ablate.sweep import comes_first, plan_jobs, run_roots, teachers_of

    noise, pilots = _noise(arguments.noise), _pilots(arguments.pilot)
    jobs = plan_jobs(arguments.overrides, multirun=True, config_dirs=config_dirs(arguments))
    study = check_study(jobs, with_corpus=not arguments.no_rehearsal)
    if study is None:
        raise UserError("nothing to plan: name a study, +study=nsp")
    left = [job for job in jobs if not is_finished(job)]
    others = shareable(list(dict.fromkeys(root for job in jobs for root in run_roots(job.place))))
    to_do = [job for job in left if not is_shared(job, others)]
    shared = f", {len(left) - len(to_do)} shared with finished runs elsewhere" if len(to_do) < len(left) else ""
    console = wide_console()
    console.print(f"{study.name}: {len(jobs)} runs, {len(jobs) - len(left)} done{shared}, {len(to_do)} to do")
    planned = {job.place.directory for job in jobs}
    teachers = [one for stage in teachers_of(to_do, only=comes_first) for one in stage]
    teachers = [one for one in teachers if one.place.directory not in planned and not is_shared(one, others)]
    if teachers:
        names = ", ".join(dict.fromkeys(one.place.arm for one in teachers))
        console.print(f"and first the teachers: {len(teachers)} runs of {names}")
    to_do = [*teachers, *to_do]
    if to_do and not arguments.no_rehearsal:
        costs, at_once = rehearse(to_do)
        console.print(_cost_table(to_do, costs))
        for line in _totals(to_do, costs, jobs=at_once, price=arguments.price):
            console.print(line)
    _print_outlook(study, noise, pilots)
    return 0


def rehearse(to_do: "Sequence[Planned]") -> "tuple[dict[str, Cost], int]":
    """The cost of a run of each arm, measured with as many processes at a time as the study will use."""
    from ablate.config.packing import pack
    from ablate.config.rehearsal import rehearsals, warm
    from ablate.launch import default_jobs
    from ablate.runs.launcher import Task, run_tasks
    from ablate.sweep import teachers_of

    launcher = to_do[0].cfg.hydra.launcher
    at_once = min(launcher.get("jobs") or default_jobs(list(to_do)), len(to_do))
    with tempfile.TemporaryDirectory() as folder:
        chosen = rehearsals(to_do, Path(folder), at_once=at_once)
        for job, small in chosen.whole:
            warm(job, small.place.root)
        for stage in (*teachers_of(chosen.all), chosen.all):
            tasks = [Task(place=one.place, packed=pack(one)) for one in stage]
            run_tasks(tasks, jobs=at_once, threads=launcher.get("threads", 1), changed=_nothing, tick=_nothing)
        return chosen.costs([task.seconds for task in tasks]), at_once


def _nothing() -> None:
    """A rehearsal shows nothing while it runs."""


def _cost_table(to_do: "Sequence[Planned]", costs: "dict[str, Cost]") -> "Table":
    from rich.table import Table

    table = Table("arm", "runs", "tokens each", "FLOPs each", "training each", "start-up, evaluation", "disk each")
    for arm, cost in costs.items():
        runs = sum(job.place.arm == arm for job in to_do)
        table.add_row(
            arm, str(runs), f"{cost.tokens:,.0f}", f"{cost.flops:.3g}", _time(cost.training), _time(cost.overhead),
            f"{cost.bytes / 1e6:,.1f} MB",
        )  # fmt: skip
    return table


def _totals(to_do: "Sequence[Planned]", costs: "dict[str, Cost]", *, jobs: int, price: float | None) -> list[str]:
    of_runs = [costs[job.place.arm] for job in to_do]
    seconds = sum(cost.seconds for cost in of_runs) / jobs
    total = (
        f"in all: {sum(c.tokens for c in of_runs):,.0f} tokens, {sum(c.flops for c in of_runs):.3g} FLOPs, "
        f"{_time(seconds)} at {jobs} runs at a time, {sum(c.bytes for c in of_runs) / GIGA:.2f} GB of disk, "
        f"{jobs * max(c.memory_mb for c in of_runs) / 1e3:.1f} GB of memory"
    )
    return [total, *([f"cost: {seconds / 3600 * price:.2f}"] if price is not None else [])]


def _print_outlook(study: object, noise: dict[str, float], pilots: "Sequence[Run]") -> None:
    from rich.table import Column, Table

    from ablate.studies.outlook import outlooks
    from ablate.studies.study import Study
    from ablate.studies.verdict_table import wide_console

    assert isinstance(study, Study)
    family = ["family"] if study.families else []
    claim_and_metric = [Column(name, overflow="fold") for name in ("claim", "metric")]
    table = Table(*family, *claim_and_metric, "kind", "detects (power .8)", "power", "seeds for .8", "")
    for claim, one in outlooks(study, noise, pilots):
        named = [study.part_of(claim).name] if study.families else []
        table.add_row(*named, claim.id, claim.metric or "-", claim.kind, *_outlook(claim, one))
    wide_console().print(table)


def _outlook(claim: "StudyClaim", one: "Plan | None") -> tuple[str, str, str, str]:
    from ablate.studies.metrics import example_task
    from ablate.studies.outlook import FEWEST

    if claim.kind == "exact":
        return "-", "-", "-", "arithmetic"
    if one is None:
        return "?", "?", "?", f"noise unknown: --noise {claim.metric}=SD or --pilot FOLDER"
    power = "?" if one.power is None else f"{one.power:.2f}"
    needed = "?" if one.needed_n is None else str(one.needed_n)
    remarks = ["no registered effect to have power for"] if one.power is None else []
    if one.power is not None and one.power < FEWEST:
        enough = f"take {needed} seeds" if one.needed_n is not None else "no number of seeds is enough"
        remarks.append(f"power below one half; {enough}")
    if example_task(claim.metric) is not None and one.floor == 0:
        remarks.append("seeds alone: what so many test examples cannot tell comes on top")
    return f"{one.mde:.4g}", power, needed, "; ".join(remarks)


def _noise(given: list[str]) -> dict[str, float]:
    from ablate.errors import UserError

    found = {}
    for text in given:
        metric, _, value = text.rpartition("=")
        try:
            found[metric] = float(value)
        except ValueError:
            raise UserError(f"--noise {text}: must be METRIC=SD, such as val/mlm_loss=0.08") from None
        if not metric or not found[metric] > 0:
            raise UserError(f"--noise {text}: must be METRIC=SD with SD above 0")
    return found


def _pilots(folder: Path | None) -> "Sequence[Run]":
    from ablate.errors import UserError
    from ablate.runs.collect import collect

    if folder is None:
        return ()
    if not folder.is_dir():
        raise UserError(f"--pilot {folder}: no such folder")
    return collect(folder)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    main(plan, build_parser())
