"""A table as LaTeX with booktabs: a file that compiles as it is and can be taken into a paper with \\input."""

import re
import unicodedata
from collections.abc import Sequence

from ablate.report.material import Sheet
from ablate.report.tables.columns import is_number, runs_of

LONG, ROWS, PIECE = 34, 40, 14  # letters of a cell that is set in lines; rows of a page; letters without a break
PACKAGES = "array,booktabs,graphicx,longtable"
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#",
    "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"{\char34}", "`": r"\textasciigrave{}",
    "[": "{[}", "]": "{]}", "*": "{*}",
}  # fmt: skip
_MATHS = {
    "∅": r"\emptyset", "×": r"\times", "±": r"\pm", "−": "-", "≥": r"\geq", "≤": r"\leq", "≈": r"\approx",
    "→": r"\rightarrow", "·": r"\cdot", "≠": r"\neq", "∞": r"\infty", "α": r"\alpha", "β": r"\beta", "λ": r"\lambda",
    "σ": r"\sigma", "µ": r"\mu", "μ": r"\mu", "Δ": r"\Delta", "°": r"^{\circ}", "²": "^2", "³": "^3",
}  # fmt: skip
_TEXT = {
    "–": "--", "—": "---", "…": r"\ldots{}", "“": "``", "”": "''", "‘": "`", "’": "'", "ß": r"\ss{}", "æ": r"\ae{}",
    "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "å": r"\aa{}", "Å": r"\AA{}", "ı": r"\i{}",
    "\u00a0": "~", "€": "EUR", "§": r"\S{}", "©": r"\copyright{}",
}  # fmt: skip
_ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u0327": "c", "\u030c": "v"}


def escape(text: str) -> str:
    """Any text as LaTeX that pdflatex sets with its own fonts; what it has no letter for becomes its code point.

    Long words get places to break; a hyphen before a number is a minus.
    """
    words = re.split(r"(\s+)", text)
    return "".join(" " if word.isspace() else _word(word) for word in words)


def _word(word: str) -> str:
    letters = [_character(character) for character in word]
    if re.match(r"-[\d.]", word):
        letters[0] = "$-$"
    for i in range(1, len(word)):
        if word[i - 1 : i + 1] == "--":
            letters[i] = "{}-"
    if len(word) <= PIECE:
        return "".join(letters)
    since = 0
    for i, character in enumerate(word[:-1]):
        since += 1
        if character in "_-/." or since >= PIECE:
            letters[i] += r"\allowbreak{}"
            since = 0
    return "".join(letters)


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if " " <= character <= "~":
        return character
    if character in _MATHS:
        return rf"\ensuremath{{{_MATHS[character]}}}"
    if character in _TEXT:
        return _TEXT[character]
    base, *marks = list(unicodedata.normalize("NFD", character))
    if len(marks) == 1 and marks[0] in _ACCENTS and base.isascii() and base.isalpha():
        return rf"\{_ACCENTS[marks[0]]}{{{base}}}"
    return rf"\texttt{{U+{ord(character):04X}}}"


def as_latex(sheet: Sheet) -> str:
    """The file's text. A table of many rows runs over pages; a wide one is scaled to the line's width."""
    body = _long(sheet) if len(sheet.frame) > ROWS else _floating(sheet)
    return _HEAD + body + _FOOT


def _floating(sheet: Sheet) -> str:
    lines = [
        r"\begin{table}[htbp]", r"\centering\footnotesize", _caption(sheet),
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{_spec(sheet)}}}", *_header(sheet), *_rows(sheet), r"\bottomrule", r"\end{tabular}}",
        r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _long(sheet: Sheet) -> str:
    lines = [
        r"\begingroup\tiny\setlength{\tabcolsep}{2pt}", rf"\begin{{longtable}}{{{_spec(sheet)}}}",
        _caption(sheet) + r" \\", *_header(sheet), r"\endfirsthead", *_header(sheet), r"\endhead", *_rows(sheet),
        r"\bottomrule", r"\end{longtable}", r"\endgroup",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _caption(sheet: Sheet) -> str:
    label = re.sub(r"[^a-z0-9]+", "-", sheet.name.lower())
    return rf"\caption{{{escape(sheet.title + '. ' + sheet.caption)}}}\label{{tab:{label}}}"


def _spec(sheet: Sheet) -> str:
    return "".join(_column(sheet, index) for index in range(sheet.frame.shape[1]))


def _column(sheet: Sheet, index: int) -> str:
    cells = [str(cell) for cell in sheet.frame.iloc[:, index]]
    longest = max([len(cell) for cell in cells], default=0)
    if longest > LONG:
        return rf">{{\raggedright\arraybackslash}}p{{{3.6 if longest < 70 else 5.2}cm}}"
    return "r" if is_number(cells) and index >= sheet.stub else "l"


def _header(sheet: Sheet) -> list[str]:
    columns = [escape(str(column)) for column in sheet.frame.columns]
    lines = [r"\toprule"]
    if any(sheet.groups):
        spans = runs_of(sheet.groups)
        lines.append(" & ".join(_span(name, start, stop) for name, start, stop in spans) + r" \\")
        lines += [rf"\cmidrule(lr){{{start + 1}-{stop}}}" for name, start, stop in spans if name]
    return [*lines, " & ".join(columns) + r" \\", r"\midrule"]


def _span(name: str, start: int, stop: int) -> str:
    return rf"\multicolumn{{{stop - start}}}{{c}}{{{escape(name)}}}"


def _rows(sheet: Sheet) -> list[str]:
    return [" & ".join(_cell(str(cell)) for cell in row) + r" \\" for row in _values(sheet)]


def _values(sheet: Sheet) -> Sequence[Sequence[object]]:
    return list(sheet.frame.itertuples(index=False, name=None))


def _cell(text: str) -> str:
    number = re.fullmatch(r"([+-]?)(\d[\d.,]*)(%?)", text)
    if number:
        return f"${number[1]}${number[2]}".replace("$$", "") + number[3].replace("%", r"\%")
    return escape(text)


_HEAD = rf"""% Compiles on its own. In a document of yours: \usepackage{{{PACKAGES}}} and \input this file.
\expandafter\ifx\csname @nodocument\endcsname\relax\else
\documentclass{{article}}
\usepackage[landscape,margin=1.5cm]{{geometry}}
\usepackage[T1]{{fontenc}}
\usepackage{{{PACKAGES}}}
\begin{{document}}
\def\ablateend{{\end{{document}}}}
\fi
"""
_FOOT = "\\csname ablateend\\endcsname\n"
