"""The index over all reports: what came out of each claim, beside what the papers print."""

import json
import re
import shutil

import pytest

from ablate.report.gallery import _published, write_gallery
from ablate.stats.remarks import SCREENING, SIZE_NEGLIGIBLE


@pytest.fixture(scope="module")
def text(report, tmp_path_factory):
    """index.md over one report."""
    root = tmp_path_factory.mktemp("gallery")
    shutil.copytree(report, root / "nsp")
    return write_gallery(root)[1].read_text()


def test_every_claim_has_a_row_with_its_interval_verdict_and_where_it_was_tried(text):
    rows = re.findall(
        r"^\| (.+) \| \[. (.+)\]\(nsp/report.md\)(?: \(.+\))? \| (.+) \|$", text.split("## Beside the papers")[1], re.M
    )
    assert len(rows) == 7
    assert all(re.search(r"\| [+−]0\.\d+ \| [+−]0\.\d+ to [+−]0\.\d+$", row) for row, _, _ in rows)
    assert {verdict for _, verdict, _ in rows} <= {"supported", "contradicted", "negligible", "inconclusive"}


def test_what_the_papers_print_stands_beside_it(text):
    row = next(row for row in text.splitlines() if row.startswith("| using individual sentences hurts") and "to" in row)
    assert "| `embedded/mean` | RoBERTa T2, SEGMENT-PAIR against SENTENCE-PAIR: " in row
    assert "SQuAD" in row and "SST" in row


def test_a_study_under_way_is_said_to_be_and_is_no_evidence(report, tmp_path):
    shutil.copytree(report, tmp_path / "nsp")
    path = tmp_path / "nsp" / "verdicts.json"
    plain = json.loads(path.read_text())
    plain["claims"][0] |= {"verdict": "not testable", "estimate": None, "interval": None}
    plain["claims"][0]["reason"] = "4 of 10 planned runs are not finished: bert seed 3 (not started) and 3 more"
    path.write_text(json.dumps(plain))
    page, index = (written.read_text() for written in write_gallery(tmp_path))
    matrix, beside = index.split("## Beside the papers")
    says = plain["claims"][0]["says"]
    assert any(says in row and "[… not finished]" in row for row in matrix.splitlines())
    assert says not in beside
    assert "… 1 not finished" in matrix
    assert "not finished</a>" in page


def test_a_verdict_is_not_shown_without_its_caveats_and_arithmetic_is_not_counted(report, tmp_path):
    shutil.copytree(report, tmp_path / "nsp")
    path = tmp_path / "nsp" / "verdicts.json"
    plain = json.loads(path.read_text())
    first, second, third, *_ = plain["claims"]
    first |= {"flags": [SCREENING, SIZE_NEGLIGIBLE], "registered": False, "verdict": "supported"}
    second |= {"kind": "exact", "verdict": "supported", "flags": [], "registered": True}
    plain["claims"] = [first, second, third | {"flags": [], "registered": True, "verdict": "supported"}]
    path.write_text(json.dumps(plain))
    page, index = (written.read_text() for written in write_gallery(tmp_path))
    assert index.count("(nsp/report.md) (screening, exploratory, size negligible)") == 2
    assert index.count("(nsp/report.md) (arithmetic)") == 2
    assert "\n✓ 2 supported; what arithmetic" in index
    assert "screening, exploratory, size negligible</span>" in page


def test_published_sizes_have_units_and_speeds_are_ratios():
    one = {"table": "T3", "row": "A", "against_row": "B", "dataset": "a pass", "metric": "inference_time",
           "value": 410.0, "against": 668.0, "difference": -258.0, "unit": "seconds"}  # fmt: skip
    assert _published({"kind": "speed", "published": [one]}) == "T3, A against B: 1.63× a pass inference time"
    assert _published({"published": [one]}) == "T3, A against B: −258 seconds a pass inference time"
    size = one | {"dataset": "model", "metric": "parameters", "difference": -44.0, "unit": "millions"}
    assert _published({"kind": "exact", "published": [size]}) == "T3, A against B: −44 millions model parameters"


@pytest.mark.parametrize(
    ("metric", "difference", "value", "shown"),
    [("accuracy", 0.30000000000000004, 84.3, "T1, A against B: +0.3 MNLI-m accuracy"),
     ("accuracy", -0.5, 84.3, "T1, A against B: −0.5 MNLI-m accuracy"),
     ("parameters", None, 66, "T1, A: 66 MNLI-m parameters"),
     ("macro_score_delta", None, -3.69, "T1, A: +3.69 MNLI-m macro score")],
)  # fmt: skip
def test_a_published_figure_is_turned_the_way_the_claim_is_put(metric, difference, value, shown):
    rows = {"row": "A", "against_row": None if difference is None else "B"}
    one = {"table": "T1", **rows, "dataset": "MNLI-m", "metric": metric, "value": value, "difference": difference}
    assert _published({"published": [one]}) == shown
