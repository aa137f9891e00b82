"""A table as files: csv for programs, Markdown for repositories, LaTeX for papers; the same table, the same bytes."""

import csv
import io
from pathlib import Path

from ablate.report.material import Sheet
from ablate.report.tables.latex import as_latex
from ablate.report.tables.markdown import as_markdown
from ablate.report.words import markdown


def save_sheet(sheet: Sheet, folder: Path) -> list[Path]:
    """Write `<name>.csv`, `<name>.md` and `<name>.tex`; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    said = f"**{markdown(sheet.title)}.** {markdown(sheet.caption)}\n\n"
    texts = {"csv": as_csv(sheet), "md": said + as_markdown(sheet), "tex": as_latex(sheet)}
    paths = [folder / f"{sheet.name}.{kind}" for kind in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8", newline="\n")
    return paths


def as_csv(sheet: Sheet) -> str:
    """The table as csv; a heading that columns share is put before each of them."""
    groups = sheet.groups or ("",) * sheet.frame.shape[1]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(f"{g}: {c}" if g else str(c) for g, c in zip(groups, sheet.frame.columns, strict=True))
    writer.writerows(sheet.frame.itertuples(index=False, name=None))
    return file.getvalue()
