"""An index over all reports: claims by the scale and data that they were tried at, with what came out and what the
papers print."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ablate.errors import UserError
from ablate.report.archive import ARCHIVE
from ablate.report.compare import VERDICTS, read_verdicts
from ablate.report.page import html_environment, markdown_environment
from ablate.report.units import effect_unit
from ablate.report.words import MARKS, estimate_text, slug
from ablate.stats.remarks import SCREENING, SIZE_NEGLIGIBLE
from ablate.studies.evidence import UNFINISHED
from ablate.studies.papers import LOST

NOT_FINISHED = "not finished"
_MARKS = {**MARKS, NOT_FINISHED: "…"}
_UNITS = ("seconds", "millions")  # that are said; points, in their different notations, go without
_SCALES = ("smoke", "laptop", "gpu", "paper")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What one report says of one claim. address: of its card, relative to the gallery; column: scale and data;
    remark: what the verdict must not be read without, such as `screening`."""

    report: str
    column: str
    address: str
    verdict: str
    slug: str
    mark: str
    remark: str
    effect: str
    interval: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One claim of one study; cells by column (scale and data), each with every report that tried it there."""

    id: str
    says: str
    metric: str
    source: str
    published: str
    cells: Mapping[str, tuple[Cell, ...]]


@dataclass(frozen=True, kw_only=True)
class _Report:
    folder: Path
    study: str
    question: str
    column: str
    claims: Sequence[Mapping[str, Any]]


def write_gallery(root: Path) -> list[Path]:
    """Write index.html and index.md over the reports in `root`; returns both paths.

    Raises:
        UserError: there are no reports, or one is corrupt.
    """
    reports = [_read(path.parent) for path in sorted(root.glob(f"*/{VERDICTS}"))]
    if not reports:
        raise UserError(f"{root}: holds no reports (folders with {VERDICTS})")
    columns = sorted({one.column for one in reports if one.claims}, key=_column_order)
    studies = [_study(name, reports, columns) for name in dict.fromkeys(one.study for one in reports)]
    said = {
        "columns": columns, "studies": studies, "reports": len(reports), "tally": _tally(reports),
        "not_finished": NOT_FINISHED,
    }  # fmt: skip
    page, text = root / "index.html", root / "index.md"
    page.write_text(html_environment().get_template("gallery.html").render(**said), encoding="utf-8", newline="\n")
    text.write_text(markdown_environment().get_template("gallery.md").render(**said), encoding="utf-8", newline="\n")
    return [page, text]


def _read(folder: Path) -> _Report:
    plain = read_verdicts(folder)
    try:
        kept = json.loads((folder / ARCHIVE).read_text(encoding="utf-8"))
        setting, definition = dict(kept["setting"]), dict(kept["study"])
    except FileNotFoundError:
        setting, definition = {}, {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder / ARCHIVE} is corrupt ({error})") from error
    named = [str(setting[key]) for key in ("scale", "data") if setting.get(key)]
    return _Report(
        folder=folder, study=str(plain.get("study", folder.name)), question=str(definition.get("question", "")),
        column=", ".join(named) or "others' results", claims=plain["claims"],
    )  # fmt: skip


def _column_order(column: str) -> tuple[int, str]:
    scale = column.split(",")[0]
    return (_SCALES.index(scale) if scale in _SCALES else len(_SCALES), column)


def _study(name: str, reports: Iterable[_Report], columns: Sequence[str]) -> dict[str, Any]:
    mine = [one for one in reports if one.study == name]
    said = {claim["id"]: claim for one in mine for claim in one.claims}
    rows = [
        Row(
            id=key, says=str(claim.get("says", "")), metric=str(claim.get("metric") or ""),
            source=str(claim.get("source", "")), published=_published(claim),
            cells={column: tuple(_cells(key, column, mine)) for column in columns},
        )
        for key, claim in said.items()
    ]  # fmt: skip
    asked = next((one.question for one in mine if one.question), "")
    tried = [column for column in columns if any(one.column == column for one in mine)]
    where = [(one.folder.name, one.column) for one in mine]
    return {"name": name, "question": asked, "rows": rows, "reports": where, "tried": tried}


def _cells(key: str, column: str, reports: Iterable[_Report]) -> Iterable[Cell]:
    for one in reports:
        for number, claim in enumerate(one.claims, start=1):
            if one.column == column and claim["id"] == key:
                verdict = _word(claim)
                yield Cell(
                    report=one.folder.name, column=column,
                    address=f"{quote(one.folder.name)}/index.html#claim-{number}",
                    verdict=verdict, slug=slug(str(claim["verdict"])), mark=_MARKS.get(verdict, ""),
                    remark=_remark(claim), **_numbers(claim),
                )  # fmt: skip


def _word(claim: Mapping[str, Any]) -> str:
    """The verdict; of a study under way, that it is."""
    return NOT_FINISHED if UNFINISHED in str(claim.get("reason")) else str(claim["verdict"])


def _remark(claim: Mapping[str, Any]) -> str:
    """`screening`, `exploratory`, `size negligible`, `arithmetic`: the short forms of what the card says in full."""
    flags = [str(flag) for flag in claim.get("flags", ())]
    said = {
        "arithmetic": claim.get("kind") == "exact",
        "screening": SCREENING in flags,
        "exploratory": claim.get("registered") is False,
        SIZE_NEGLIGIBLE: SIZE_NEGLIGIBLE in flags,
    }
    return ", ".join(word for word, holds in said.items() if holds)


def _numbers(claim: Mapping[str, Any]) -> dict[str, str]:
    """The effect, with its unit where it is nats or bits, and its interval; empty where there is none."""
    estimate, interval = claim.get("estimate"), claim.get("interval")
    if estimate is None or not interval or None in interval:
        return {"effect": "", "interval": ""}
    kind = str(claim.get("kind"))
    effect, ends = estimate_text(estimate, interval, ratio=kind == "speed")
    return {"effect": f"{effect} {effect_unit(kind, str(claim.get('metric')))}".rstrip(), "interval": ends}


def _published(claim: Mapping[str, Any]) -> str:
    """`RoBERTa T1, dynamic against static: +0.4 SQuAD2.0-dev F1, ...`: the differences that the papers print.

    What a row without the claim's ingredient loses is turned; times of a claim about speed are a ratio.
    """
    tables: dict[str, list[str]] = {}
    for one in claim.get("published", ()):
        number = _published_number(one, ratio=claim.get("kind") == "speed")
        what = " ".join(str(one[key]).removesuffix(LOST).replace("_", " ") for key in ("dataset", "metric") if one[key])
        rows = " against ".join(str(one[key]) for key in ("row", "against_row") if one[key])
        tables.setdefault(f"{one['table']}, {rows}", []).append(f"{number} {what}")
    return "; ".join(f"{table}: {', '.join(found)}" for table, found in tables.items())


def _published_number(one: Mapping[str, Any], *, ratio: bool) -> str:
    if ratio and one.get("unit") == "seconds" and one.get("against"):
        return f"{one['against'] / one['value']:.2f}×"
    unit = f" {one['unit']}" if one.get("unit") in _UNITS else ""
    loses = one["metric"].endswith(LOST) and one["difference"] is None
    difference = -one["value"] if loses else one["difference"]
    number = f"{one['value']:g}" if difference is None else f"{round(difference, 4):+g}".replace("-", "−")
    return number + unit


def _tally(reports: Sequence[_Report]) -> list[tuple[str, str, int]]:
    """Words, marks and how many claims of each; what arithmetic settles is not evidence and not counted."""
    words = [_word(claim) for one in reports for claim in one.claims if claim.get("kind") != "exact"]
    return [(word, mark, words.count(word)) for word, mark in _MARKS.items() if word in words]
