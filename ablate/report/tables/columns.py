"""What Markdown and LaTeX both need to know of a table's columns."""

import re
from collections.abc import Sequence

MISSING = "–"
_NUMBER = re.compile(r"[+−-]?\d[\d.,]*(e[+-]?\d+)?( ?[kMGTPE%])?( ± [\d.]+)?( \([\d.-]+\))?|nan|")


def is_number(cells: Sequence[str]) -> bool:
    """Whether every cell is a number (with a spread, perhaps) or missing."""
    return all(cell == MISSING or _NUMBER.fullmatch(cell) for cell in cells)


def runs_of(groups: Sequence[str]) -> list[tuple[str, int, int]]:
    """Neighbouring columns under one heading as `(heading, start, stop)`; columns without one stand alone."""
    runs: list[tuple[str, int, int]] = []
    for index, name in enumerate(groups):
        if runs and name and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1], index + 1)
        else:
            runs.append((name, index, index + 1))
    return runs
