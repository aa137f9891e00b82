"""A report as a folder: the page, its Markdown, the verdicts, tables, figures, and what rebuilds them all."""

from dataclasses import dataclass
from pathlib import Path

from ablate.command import check_writable
from ablate.errors import UserError
from ablate.report.archive import ARCHIVE, folder_name, kept_runs, write_archive
from ablate.report.collect import Collected
from ablate.report.compare import VERDICTS, Comparison
from ablate.report.figures import figures
from ablate.report.figures.agreement import teacher_of
from ablate.report.figures.save import save_plot
from ablate.report.material import Plot, Sheet
from ablate.report.page import render_markdown, render_page, view
from ablate.report.tables import tables
from ablate.report.tables.save import save_sheet
from ablate.report.words import counted, listed
from ablate.studies.judge import write_verdicts
from ablate.studies.metrics import example_task
from ablate.studies.registration import FILE as REGISTRATION

PAGE, TEXT = "index.html", "report.md"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A report that was written: where, and what it shows."""

    folder: Path
    plots: tuple[Plot, ...]
    sheets: tuple[Sheet, ...]


def write_report(collected: Collected, folder: Path, *, comparison: Comparison | None = None) -> Written:
    """Write everything into the folder; figures and tables of an earlier report there are replaced. What the folder is
    known by as a report comes before the page, so that one that was interrupted can be made again.

    Raises:
        UserError: the folder is something else than a report's, keeps runs that would be lost, or cannot be written.
    """
    _check(folder)
    _check_kept(collected, folder)
    check_writable(folder, key="--out")
    _clear(folder)
    plots, sheets = figures(collected.material), tables(collected.material)
    for plot in plots:
        save_plot(plot, folder / "figures")
    for sheet in sheets:
        save_sheet(sheet, folder / "tables")
    said = view(collected, sheets, comparison)
    write_archive(folder, collected.archive, tasks=_tasks(collected))
    write_verdicts(folder / VERDICTS, collected.material.judgement)
    _write(folder / PAGE, render_page(said, plots, folder / "figures"))
    _write(folder / TEXT, render_markdown(said, plots))
    return Written(folder=folder, plots=tuple(plots), sheets=tuple(sheets))


def _tasks(collected: Collected) -> set[str]:
    """Tasks whose predictions the report needs: of claims judged example by example; any, where there is a teacher."""
    claims = collected.material.judgement.study.claims
    tasks = {asked[0] for claim in claims if (asked := example_task(claim.metric))}
    if teacher_of(collected.material) is not None:
        folders = (run.directory / "predictions" for run in collected.material.runs)
        tasks |= {path.stem for folder in folders for path in folder.glob("*.parquet")}
    return tasks


def _check(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder}: is a file")
    if (folder / REGISTRATION).exists() or any(folder.glob("*/seed-*/result.json")):
        raise UserError(f"--out {folder}: holds runs; choose a folder of its own for the report")
    if (folder / PAGE).exists() and not _is_report(folder):
        raise UserError(f"--out {folder}: holds an {PAGE} that is no report's; choose another folder")


def _is_report(folder: Path) -> bool:
    return (folder / ARCHIVE).exists() or (folder / VERDICTS).exists()


def _check_kept(collected: Collected, folder: Path) -> None:
    """A report may be all that is left of its runs."""
    known = {folder_name(run) for run in collected.archive.runs if run.record is not None}
    lost = sorted(kept_runs(folder) - known)
    if lost and not collected.archive.foreign:
        raise UserError(
            f"--out {folder}: the report there keeps {counted(len(lost), 'finished run')} that these sources lack "
            f"({listed(lost, most=3)}); name it as a source too, choose another --out, or remove it"
        )


def _clear(folder: Path) -> None:
    """Figures and tables that an earlier report left, so that none outlives what it shows."""
    if _is_report(folder):
        kinds = (("figures", (".svg", ".png")), ("tables", (".csv", ".md", ".tex")))
        for path in (p for name, ends in kinds for p in (folder / name).glob("*") if p.suffix in ends):
            path.unlink()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
