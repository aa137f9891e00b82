"""LaTeX that a real pdflatex sets, whatever the names are."""

import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from synthetic_report import made

from ablate.report.material import Sheet
from ablate.report.tables import as_latex, save_sheet, tables
from ablate.report.tables.latex import PACKAGES, ROWS, escape

HOSTILE = [
    "<script>alert(1)</script>", r"\input{/etc/passwd} \end{tabular}", "$x$ 100% a_b #1 {~^}", "🙂🏴‍☠️ 漢字 \u202eabc",
    "a" * 300, "a_b " * 75, "[1] *2 & |3|", "éàüßøłñ “q” – — … ∅ ± α × ²", "--- ?` '' ``", "\x00\x07\t\n", "",
]  # fmt: skip


def compiled(path: Path) -> str:
    """The log of pdflatex, which must succeed. Where TeX is missing this fails: it is part of what is tested."""
    assert shutil.which("pdflatex"), "pdflatex is missing: install texlive-latex-base and texlive-latex-recommended"
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", path.name], cwd=path.parent,
        capture_output=True, text=True, timeout=120, encoding="latin-1",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert path.with_suffix(".pdf").stat().st_size > 5_000
    return done.stdout


def hostile_sheet(rows: int) -> Sheet:
    cells = [HOSTILE[i % len(HOSTILE)] for i in range(rows)]
    frame = pd.DataFrame({"name_%": cells, "ours": ["1.5 ± 0.1 (1.4)"] * rows, "$n$": ["-5"] * rows, "&": cells[::-1]})
    return Sheet(name="x", title="a_b & c", caption="100 % of {it}", frame=frame, groups=("", "#1", "#1", ""))


def test_every_table_compiles_on_its_own(tmp_path):
    for sheet in tables(made(tmp_path)):
        log = compiled(save_sheet(sheet, tmp_path / "tables")[2])
        assert "Overfull \\hbox" not in log


@pytest.mark.parametrize("rows", [len(HOSTILE), ROWS + 5])
def test_hostile_names_compile(tmp_path, rows):
    log = compiled(save_sheet(hostile_sheet(rows), tmp_path)[2])
    assert "Missing character" not in log


def test_a_table_can_be_taken_into_a_paper(tmp_path):
    save_sheet(hostile_sheet(3), tmp_path)
    paper = tmp_path / "paper.tex"
    paper.write_text(
        rf"\documentclass[twocolumn]{{article}}\usepackage{{{PACKAGES}}}\begin{{document}}"
        "Before \\input{x.tex} after, see \\ref{tab:x}.\\end{document}"
    )
    assert "x.tex" in compiled(paper)


def test_specials_are_text():
    assert escape("a_b & 5% #1 $x$ {y} ~ ^ \\") == (
        r"a\_b \& 5\% \#1 \$x\$ \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )
    assert escape("é ∅ 🙂") == r"\'{e} \ensuremath{\emptyset} \texttt{U+1F642}"
    assert escape("-0.5 to 1") == "$-$0.5 to 1"
    assert escape("x" * 30).count(r"\allowbreak") == 2


def test_booktabs_and_shared_headings():
    text = as_latex(hostile_sheet(2))
    for piece in (r"\toprule", r"\midrule", r"\bottomrule", r"\multicolumn{2}{c}{\#1}", r"\cmidrule(lr){2-3}",
                  r"\label{tab:x}", r"$-$5", r"\caption{a\_b \& c. 100 \% of \{it\}}"):  # fmt: skip
        assert piece in text
    assert r"\begin{longtable}" not in text
    assert r"\begin{longtable}" in as_latex(hostile_sheet(ROWS + 1))
