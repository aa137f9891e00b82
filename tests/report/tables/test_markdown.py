"""Markdown shows any text as it is."""

import pandas as pd
import pytest

from ablate.report.material import Sheet
from ablate.report.tables.markdown import as_markdown
from ablate.report.words import markdown


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("no_nsp - bert", "no_nsp - bert"),
        ("<script>", "&lt;script&gt;"),
        ("a|b", r"a\|b"),
        ("_a_ *b* `c`", r"\_a\_ \*b\* \`c\`"),
        ("few_tokens__x1", r"few_tokens\_\_x1"),
        ("$x$ [a](b)", r"\$x\$ \[a\](b)"),
        ("a\nb", "a b"),
        ("🙂 & ä", "🙂 &amp; ä"),
    ],
)
def test_escape(text, written):
    assert markdown(text) == written


def test_a_line_per_row_with_numbers_to_the_right():
    sheet = Sheet(name="x", title="t", caption="c", frame=pd.DataFrame({"arm": ["a", "b|\n"], "n": ["5", "–"]}))
    assert as_markdown(sheet) == "| arm | n |\n| :-- | --: |\n| a | 5 |\n| b\\| | – |\n"
