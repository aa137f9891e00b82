"""`python -m ablate.status multirun/nsp`: done, running, failed (and why), to do."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.command import Parser, main

if TYPE_CHECKING:
    from rich.table import Table

    from ablate.studies.progress import Progress


def build_parser() -> Parser:
    """The command's arguments."""
    made = Parser(
        prog="python -m ablate.status", description="Shows how far a study is: done, running, failed (and why), to do.",
        epilog="examples:\n  python -m ablate.status multirun/nsp\n  python -m ablate.status   (all of multirun/)",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("folder", nargs="?", type=Path, default=Path("multirun"), help="a study's folder, or all of them")
    return made


def status(arguments: argparse.Namespace) -> int:
    """Read the folder, print."""
    from rich.console import Console

    from ablate.errors import UserError
    from ablate.runs.collect import collect
    from ablate.studies.progress import progress_of, studies_under
    from ablate.studies.registration import asked_runs, read_entries

    folder: Path = arguments.folder
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    folders = studies_under(folder) or [folder]
    if any(folder.glob("*/seed-*")) or (folder / "study.json").exists():
        folders = [folder]
    if folders == [folder] and not any(folder.glob("*/seed-*")) and not (folder / "study.json").exists():
        raise UserError(f"{folder}: holds no runs; give a study's folder, such as multirun/nsp")
    console = Console(highlight=False)
    for one in folders:
        progress = progress_of(collect(one), asked_runs(read_entries(one)))
        console.print(_table(one, progress))
        for problem in progress.problems:
            console.print(problem, markup=False, soft_wrap=True)
        console.print(_line(progress), markup=False, soft_wrap=True)
    return 0


def _table(folder: Path, progress: "Progress") -> "Table":
    from rich.table import Table

    seeds = sorted({seed for of_arm in progress.states.values() for seed in of_arm})
    table = Table("arm", *(f"seed {seed}" for seed in seeds), title=str(folder), title_justify="left")
    for arm, of_arm in progress.states.items():
        table.add_row(arm, *(of_arm.get(seed, "") for seed in seeds))
    return table


def _line(progress: "Progress") -> str:
    from ablate.studies.progress import ORDER

    counts = [f"{progress.count(state)} {state}" for state in ORDER if progress.count(state)]
    left = "" if progress.seconds_left is None else f"; about {progress.seconds_left / 60:.0f} min of training left"
    return f"{progress.total} runs: {', '.join(counts)}{left}"


if __name__ == "__main__":
    main(status, build_parser())
