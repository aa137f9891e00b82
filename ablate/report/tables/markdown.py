"""A table as GitHub's Markdown."""

import re

from ablate.report.material import Sheet
from ablate.report.tables.columns import is_number

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ESCAPED = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")


def escape(text: str) -> str:
    """Any text as Markdown that shows it as it is, inside a table's cell or a line."""
    text = "".join(_HTML.get(c, c) for c in " ".join(text.split()))
    return _ESCAPED.sub(lambda found: "\\" + found[0], text)


def as_markdown(sheet: Sheet) -> str:
    """The table, without its title: a line per row. A heading that columns share is put before each of them."""
    frame = sheet.frame
    groups = sheet.groups or ("",) * frame.shape[1]
    heads = [f"{group}: {name}" if group else str(name) for group, name in zip(groups, frame.columns, strict=True)]
    cells = [[str(cell) for cell in frame.iloc[:, i]] for i in range(frame.shape[1])]
    rules = ["--:" if i >= sheet.stub and is_number(column) else ":--" for i, column in enumerate(cells)]
    lines = [[escape(head) for head in heads], rules, *([escape(c) for c in row] for row in zip(*cells, strict=True))]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
