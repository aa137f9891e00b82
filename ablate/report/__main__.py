"""`python -m ablate.report multirun/nsp`: verdicts, figures and tables as one page that anybody can open."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.command import OK, Parser, main

if TYPE_CHECKING:
    from ablate.studies.judge import Judgement

FAILED_ON = 3
VERDICTS = ("supported", "contradicted", "negligible", "inconclusive", "not-testable")


def build_parser() -> Parser:
    """The command's arguments."""
    made = Parser(
        prog="python -m ablate.report",
        description="Judges a study and writes its report: one self-contained page, Markdown, figures and tables.",
        epilog="examples:\n"
        "  python -m ablate.report multirun/nsp                        -> reports/nsp/\n"
        "  python -m ablate.report reports/nsp                         again, without the runs\n"
        "  python -m ablate.report results.csv --study nsp             anybody's results\n"
        "  python -m ablate.report results.csv --study nsp --examples examples.csv   with a value per test example\n"
        "  python -m ablate.report reports/nsp multirun/nsp            with seeds run since, or elsewhere\n"
        "  python -m ablate.report multirun/nsp --against reports/old  what changed, and why\n"
        "  python -m ablate.report multirun/nsp --fail-on contradicted,inconclusive   exit code 3\n"
        "  python -m ablate.report --gallery                           reports/index.html over all reports",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("source", nargs="*", type=Path,
                      help="a study's folder, a report's folder, or a csv of results; "
                      "several folders are places that hold runs of one study")  # fmt: skip
    made.add_argument("--out", type=Path, metavar="DIR", help="where to (default: reports/<the source's name>)")
    made.add_argument("--study", metavar="NAME|FILE", help="judge by this study (default: the registered one)")
    made.add_argument("--examples", type=Path, metavar="FILE",
                      help="a value per arm, seed and test example, beside a file of results")  # fmt: skip
    made.add_argument("--config-dir", "-cd", type=Path, help="a folder with your own groups")
    made.add_argument("--against", type=Path, metavar="REPORT", help="an older report to compare with")
    made.add_argument("--fail-on", metavar="VERDICTS", default="",
                      help=f"exit with 3 if a claim comes to one of these (commas between): {', '.join(VERDICTS)}",
                      )  # fmt: skip
    made.add_argument("--wandb", action="store_true", help="log verdicts, figures and page to Weights & Biases too")
    made.add_argument("--gallery", action="store_true", help="write an index over all reports (in reports, or --out)")
    return made


def report(arguments: argparse.Namespace) -> int:
    """Write what was asked for, say where it is; the exit code."""
    from ablate.errors import UserError

    unwanted = _verdicts(arguments.fail_on)
    if arguments.gallery:
        _gallery(arguments)
        return OK
    if not arguments.source:
        raise UserError("name a study's folder (multirun/nsp), a report's folder or a csv; see --help")
    return _report(arguments, unwanted)


def _report(arguments: argparse.Namespace, unwanted: frozenset[str]) -> int:
    from ablate.report.collect import read
    from ablate.report.compare import compare
    from ablate.report.write import write_report
    from ablate.studies.verdict_table import render, wide_console

    directories = (arguments.config_dir,) if arguments.config_dir else ()
    collected = read(
        *arguments.source, study=arguments.study, examples=arguments.examples, config_dirs=directories
    )  # fmt: skip
    comparison = compare(collected, arguments.against) if arguments.against else None
    written = write_report(collected, arguments.out or collected.default_folder, comparison=comparison)
    wide_console().print(render(collected.material.judgement))
    for change in comparison.changes if comparison else ():
        if change.changed:
            print(f"{change.id}: {change.before} -> {change.now} ({'; '.join(change.why)})")
    print(written.folder / "index.html")
    if arguments.wandb:
        from ablate.report.tracking import log_report

        print(log_report(collected, written))
    return _exit_code(collected.material.judgement, unwanted)


def _gallery(arguments: argparse.Namespace) -> None:
    from ablate.errors import UserError
    from ablate.report.gallery import write_gallery

    given = [
        name for name in ("source", "study", "examples", "against", "fail_on", "wandb") if getattr(arguments, name)
    ]
    if given:
        raise UserError(f"--gallery: takes --out only, not {', '.join(given)}")
    for path in write_gallery(arguments.out or Path("reports")):
        print(path)


def _verdicts(text: str) -> frozenset[str]:
    from ablate.errors import UserError

    words = [word.strip().replace(" ", "-").replace("_", "-") for word in text.split(",") if word.strip()]
    for word in words:
        if word not in VERDICTS:
            raise UserError(f"--fail-on {word}: no such verdict; verdicts: {', '.join(VERDICTS)}")
    return frozenset(word.replace("-", " ") for word in words)


def _exit_code(judgement: "Judgement", unwanted: frozenset[str]) -> int:
    import sys

    bad = [one for one in judgement.claims if one.verdict.verdict in unwanted]
    for one in bad:
        print(f"ablate: {one.claim.id} is {one.verdict.verdict}", file=sys.stderr)
    return FAILED_ON if bad else OK


if __name__ == "__main__":
    main(report, build_parser())
