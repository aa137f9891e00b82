"""The page and its Markdown twin: what is said, in which order; the templates say how it looks."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ablate.report.archive import ARCHIVE
from ablate.report.cards import answer_of, cards_of, tally_of
from ablate.report.collect import Collected
from ablate.report.compare import Comparison
from ablate.report.constant import ArmRow, arm_rows, baseline_keys, never_differs
from ablate.report.inline import inline_svg
from ablate.report.material import Plot, Sheet
from ablate.report.provenance import provenance_rows, rerun_lines
from ablate.report.tables.columns import is_number
from ablate.report.threats import threats_of
from ablate.report.words import adjusted_over, alpha_text, counted, duration, level_text, listed, markdown
from ablate.runs.collect import Run
from ablate.studies.costs import cost_of

TEMPLATES = Path(__file__).parent / "templates"
_ELSEWHERE = ("hyperparameters", "cost")  # tables that stand in the sections of their subject
_SAID_BY_CARDS = ("claims",)  # and one for those who only take the tables
_SHORT = 24  # letters of a cell that is kept on one line
_SECTIONS = (
    ("verdicts", "Verdicts"), ("comparison", "Changes"), ("figures", "Figures"), ("tables", "Tables"),
    ("constant", "Held constant"), ("budget", "Budgets"), ("failures", "Failures"), ("threats", "Threats"),
    ("provenance", "Provenance"), ("rerun", "Run it again"),
)  # fmt: skip


def view(collected: Collected, sheets: Sequence[Sheet], comparison: Comparison | None) -> dict[str, Any]:
    """Everything that both templates say, but for the figures."""
    judgement, runs = collected.material.judgement, collected.material.runs
    cards, arms, failures = cards_of(judgement, runs), arm_rows(collected), failure_rows(runs)
    shown = {sheet.name: sheet for sheet in sheets if sheet.name not in _SAID_BY_CARDS}
    placed = {name: shown.pop(name, None) for name in _ELSEWHERE}
    numbered = [sheet for sheet in (*shown.values(), *placed.values()) if sheet is not None]
    made = {sheet.name: sheet_view(sheet, number) for number, sheet in enumerate(numbered, start=1)}
    return {
        "name": collected.archive.name, "question": judgement.study.question or judgement.study.name,
        "answer": answer_of(cards), "cards": cards, "meta": _meta(collected),
        "level": f"The {level_text(judgement)} interval".replace("%", " %"), "comparison": comparison,
        "adjusted": adjusted_over(judgement),
        "sheets": [made[name] for name in shown],
        "arms": arms, "constant_sentence": _constant_sentence(collected, arms),
        **{name: made.get(name) for name in _ELSEWHERE}, "failures": failures,
        "failures_sentence": _failures_sentence(len(failures), len(runs)), "tally": tally_of(cards),
        "threats": threats_of(collected), "provenance": provenance_rows(collected), "rerun": rerun_lines(collected),
        "kept": ARCHIVE,
    }  # fmt: skip


def render_page(said: Mapping[str, Any], plots: Sequence[Plot], folder: Path) -> str:
    """index.html; `folder` is where the plots' SVG files lie."""
    figures = []
    for number, plot in enumerate(plots, start=1):
        svg, width = inline_svg(folder / f"{plot.name}.svg", prefix=f"f{number}", alt=plot.alt)
        figures.append({"svg": svg, "width": f"{width:.0f}", "title": plot.title, "caption": plot.caption})
    present = {"comparison": said["comparison"], "figures": figures, "tables": said["sheets"]}
    contents = [(anchor, title) for anchor, title in _SECTIONS if present.get(anchor, True)]
    return html_environment().get_template("page.html").render(**said, figures=figures, contents=contents)


def render_markdown(said: Mapping[str, Any], plots: Sequence[Plot]) -> str:
    """report.md."""
    text = markdown_environment().get_template("report.md").render(**said, figures=plots)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE))


def html_environment() -> Environment:
    """Everything that is put into a template is text, whatever it holds."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    made.filters["breaks"] = breaks
    return made


def markdown_environment() -> Environment:
    """The same for Markdown: every value comes out as the characters that it holds, but for those marked safe."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=False, undefined=StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    made.filters["code"] = lambda text: Markup(" ".join(str(text).split()).replace("```", "` ` `"))
    made.filters["address"] = lambda text: Markup(quote(str(text)))
    return made


def _shown(value: object) -> str:
    return value if isinstance(value, Markup) else markdown(value)


def breaks(text: object) -> Markup:
    """Text as HTML that may break after the dots, underscores and slashes of a long name."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[._/=])(?=[^\W\d_])", str(text)))


def sheet_view(sheet: Sheet, number: int) -> dict[str, Any]:
    """A table with its number, its group headings joined, and a class for each column."""
    rows = [[str(cell) for cell in row] for row in sheet.frame.itertuples(index=False)]
    columns = [[row[i] for row in rows] for i in range(len(sheet.frame.columns))]
    return {
        "number": number, "title": sheet.title, "caption": sheet.caption,
        "headings": [str(name) for name in sheet.frame.columns], "rows": rows, "stub": sheet.stub,
        "classes": [_column_class(cells, stub=i < sheet.stub) for i, cells in enumerate(columns)],
        "groups": [(text, len(list(same))) for text, same in groupby(sheet.groups)],
    }  # fmt: skip


def _column_class(cells: Sequence[str], *, stub: bool) -> str:
    if not stub and is_number(cells):
        return "number"
    return "short" if max(map(len, cells), default=0) <= _SHORT else "long"


def failure_rows(runs: Sequence[Run]) -> list[tuple[str, str, str, str]]:
    """Arm, seed, state and reason of every run that gave no numbers."""
    return [(run.arm, str(run.seed), run.state, run.problem or "") for run in runs if run.state != "done"]


def _meta(collected: Collected) -> list[tuple[str, str]]:
    judgement, runs, setting = collected.material.judgement, collected.material.runs, collected.archive.setting
    cost = cost_of(runs)
    facts = [
        ("Scale", setting.scale), ("Data", setting.data),
        ("Studies", str(len(judgement.families)) if judgement.families else ""),
        ("Arms", str(len(judgement.study.arms))),
        ("Seeds", str(len(judgement.seeds))), ("Runs", _runs_text(collected)),
        ("Training", "" if cost.seconds is None else duration(cost.seconds)), ("Alpha", alpha_text(judgement)),
    ]  # fmt: skip
    return [(term, text) for term, text in facts if text]


def _runs_text(collected: Collected) -> str:
    """How many runs gave numbers, of those that there are and of those that there will be."""
    judgement, runs = collected.material.judgement, collected.material.runs
    done = sum(run.state == "done" for run in runs)
    there = {(run.arm, run.seed) for run in runs}
    planned = {(arm, seed) for arm in judgement.study.arms for seed in judgement.seeds}
    if planned - there and not collected.archive.foreign:
        return f"{done} done of {len(planned)} planned"
    return f"{done} of {len(runs)} gave numbers" if done < len(runs) else f"{len(runs)}, all done"


def _constant_sentence(collected: Collected, arms: Sequence[ArmRow]) -> str:
    if collected.archive.foreign:
        return "Nothing is known of the recipes behind these results."
    keys = baseline_keys(collected)
    if not keys:
        return "No run of the baseline says what its recipe was."
    same = never_differs(arms, keys)
    return (
        f"Each arm is the baseline’s recipe with these keys changed; {same} of its {counted(len(keys), 'key')} are the "
        "same in every arm. In one seed all arms share initial values, the order of documents, and, in the same "
        f"format and tokens, sequences, pairs and masks{_not_shared(collected)}."
    )


_STREAMS = (("replicate", "none of them"), ("init.", "other initial values"), ("masking.", "other masks"))


def _not_shared(collected: Collected) -> str:
    """`; but dynamic_masking: other masks`, for the arms whose changed keys are of random numbers themselves."""
    found = {
        arm: next((what for key, what in _STREAMS if any(one.startswith(key) for one in changes)), None)
        for arm, changes in collected.material.changes.items()
    }
    said = [f"{arm}: {what}" for arm, what in found.items() if what]
    return f"; but {listed(said)}" if said else ""


def _failures_sentence(lost: int, total: int) -> str:
    if not lost:
        return f"None: {counted(total, 'run')} ended with numbers."
    waits = "a pair with a diverged run is left out, any other is waited for"
    return f"{lost} of {counted(total, 'run')} gave no numbers; {waits}."
