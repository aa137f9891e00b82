"""A table as GitHub's Markdown."""

from ablate.report.material import Sheet
from ablate.report.tables.columns import is_number
from ablate.report.words import markdown


def as_markdown(sheet: Sheet) -> str:
    """The table, without its title: a line per row. A heading that columns share is put before each of them."""
    frame = sheet.frame
    groups = sheet.groups or ("",) * frame.shape[1]
    heads = [f"{group}: {name}" if group else str(name) for group, name in zip(groups, frame.columns, strict=True)]
    cells = [[str(cell) for cell in frame.iloc[:, i]] for i in range(frame.shape[1])]
    rules = ["--:" if i >= sheet.stub and is_number(column) else ":--" for i, column in enumerate(cells)]
    lines = [
        [markdown(head) for head in heads],
        rules,
        *([markdown(c) for c in row] for row in zip(*cells, strict=True)),
    ]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
