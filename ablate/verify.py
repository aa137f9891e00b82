"""`python -m ablate.verify RUN`: are its numbers what others get? Names the stage that departs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.command import Parser, main

if TYPE_CHECKING:
    from ablate.studies.verify import Check


def build_parser() -> Parser:
    """The command's arguments."""
    made = Parser(
        prog="python -m ablate.verify",
        description="Checks finished runs on the embedded corpus against expected ranges, stage by stage: corpus, "
        "tokenizer, first loss, final loss, task. Exit code 1 where one departs.",
        epilog="examples:\n  python -m ablate scale=smoke && python -m ablate.verify outputs/adhoc.smoke",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("folder", type=Path, help="a run's directory, or a study's folder for all of its runs")
    return made


def verify(arguments: argparse.Namespace) -> int:
    """Check every run, print a line for each."""
    from ablate.errors import UserError
    from ablate.runs.collect import collect, read_run
    from ablate.studies.verify import verify_run

    folder: Path = arguments.folder
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    runs = [read_run(folder)] if folder.name.startswith("seed-") else [r for r in collect(folder) if r.record]
    if not runs:
        raise UserError(f"{folder}: holds no finished runs")
    departed = 0
    for run in runs:
        checks = verify_run(run, scale=_scale_of(run.directory))
        wrong = [check for check in checks if not check.holds]
        departed += bool(wrong)
        print(f"{run.directory}: {_sentence(checks, wrong)}")
    return 1 if departed else 0


def _sentence(checks: "list[Check]", wrong: "list[Check]") -> str:
    if not wrong:
        return f"as expected ({', '.join(f'{c.name} {c.value:.4g}' for c in checks)})"
    first = wrong[0]
    value = "not there" if first.value is None else f"{first.value:.4g}"
    others = f"; and {len(wrong) - 1} more after it" if len(wrong) > 1 else ""
    return f"departs at the {first.stage}: {first.name} is {value}, expected {first.low:g} to {first.high:g}{others}"


def _scale_of(directory: Path) -> str:
    import yaml

    from ablate.errors import UserError

    path = directory / ".hydra" / "config.yaml"
    try:
        plain = yaml.safe_load(path.read_text())
        if plain["data"].get("name") != "pydocs":
            raise UserError(f"{directory}: ran on {plain['data'].get('name')}; expectations are for pydocs")
        return str(plain["scale"]["name"])
    except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read, so its scale is not known") from error


if __name__ == "__main__":
    main(verify, build_parser())
