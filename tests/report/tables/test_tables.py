"""The tables of a study: which there are, and what their cells say."""

import csv
import io
import re

import numpy as np
import pytest
from synthetic_report import ARMS, made

from ablate.config.paths import conf_dir
from ablate.config.studies import named_study
from ablate.report.material import Material
from ablate.report.tables import as_markdown, save_sheet, tables
from ablate.report.tables.columns import MISSING
from ablate.report.tables.layouts import paper_tables
from ablate.report.tables.save import as_csv
from ablate.studies.papers import results, table_of


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    return made(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def sheets(material):
    return {sheet.name: sheet for sheet in tables(material)}


def values(material, arm, metric):
    return np.array([run.metrics[metric] for run in material.runs if run.arm == arm])


def test_every_table_that_there_is_data_for(sheets):
    assert list(sheets) == [
        "verdicts", "claims", "paper_roberta_t1", "paper_roberta_t2", "paper_roberta_t4", "paper_bert_t5",
        "cost", "hyperparameters",
    ]  # fmt: skip
    for sheet in sheets.values():
        assert sheet.caption.endswith(".") and sheet.title
        assert not sheet.groups or len(sheet.groups) == sheet.frame.shape[1]
        assert all(isinstance(cell, str) for cell in sheet.frame.to_numpy().ravel())


def test_a_row_per_claim_with_the_numbers_that_decide(material, sheets):
    frame = sheets["verdicts"].frame.set_index("claim")
    assert list(frame.index) == [one.claim.id for one in material.judgement.claims]
    first = material.judgement.claims[0].verdict
    row = frame.loc["nsp_not_needed"]
    assert float(row["estimate"]) == pytest.approx(first.estimate, abs=10**-4)
    assert [float(end) for end in row["interval"].split(" to ")] == pytest.approx(list(first.interval), abs=10**-4)
    assert (row["n"], row["verdict"], row["margin"]) == ("5", first.verdict, "0.02")
    assert list(frame.loc["identity"][["estimate", "interval", "p", "n"]]) == [MISSING] * 4
    assert frame.loc["longer"]["contrast"] == "budget_d4 < bert < budget_x2"
    said = sheets["claims"].frame.set_index("claim").loc["nsp_not_needed"]
    assert "RoBERTa T2, FULL-SENTENCES against SEGMENT-PAIR: SQuAD1.1-dev F1 +0 %" in said["published"]
    assert "MNLI-m-dev accuracy +0.7 %" in said["published"]


def test_costs_are_the_audits(material, sheets):
    frame = sheets["cost"].frame.set_index("arm")
    assert list(frame.index) == list(ARMS)
    assert frame.loc["budget_x2"]["tokens"] == "41 k"
    assert frame.loc["bert"]["done"] == "5"


def test_hyperparameters_name_the_arms_that_differ(sheets):
    frame = sheets["hyperparameters"].frame.set_index("key")
    assert frame.loc["nsp"].tolist() == ["yes", "no: no_nsp, sentence_pair_no_nsp, full_sentences"]
    assert frame.loc["budget.amount"].tolist() == ["20480", "5120: budget_d4; 40960: budget_x2"]
    assert frame.loc["masking.copies"].tolist() == ["10", "none: dynamic_masking"]
    assert frame.loc["optim.lr"].tolist() == ["0.001", ""]
    assert "seed" not in frame.index


def test_a_papers_rows_with_this_studys_below(material, sheets):
    frame = sheets["paper_roberta_t2"].frame
    assert list(frame.columns)[:7] == ["model", "from", "SQuAD 1.1", "SQuAD 2.0", "MNLI-m", "SST-2", "RACE"]
    lines = [row for row in frame.to_numpy().tolist() if row[0] == "SEGMENT-PAIR"]
    assert lines[0][:7] == ["SEGMENT-PAIR", "the paper", "90.4", "78.7", "84.0", "92.9", "64.2"]
    assert lines[1][:7] == ["SEGMENT-PAIR", "here: bert (n = 5)", *[MISSING] * 5]
    own = dict(zip(frame.columns, lines[1], strict=True))["mean of the embedded tasks, %"]
    scores = 100 * values(material, "bert", "embedded/mean")
    mean, sd, median = (float(number) for number in re.findall(r"[\d.]+", own))
    assert (mean, sd, median) == pytest.approx((scores.mean(), scores.std(ddof=1), np.median(scores)), abs=0.06)
    assert "SEGMENT-PAIR without NSP (not in the paper)" in frame["model"].tolist()


def test_a_table_needs_arms_for_two_of_its_rows(tmp_path):
    arms = {arm: ARMS[arm] for arm in ("bert", "sentence_pair", "budget_d4")}
    claims = [{"id": "a", "says": "s", "kind": "superiority", "contrast": "bert - sentence_pair",
               "metric": "val/mlm_loss", "factors": ["input"]}]  # fmt: skip
    names = [sheet.name for sheet in tables(made(tmp_path, arms=arms, claims=claims, seeds=2))]
    assert [name for name in names if name.startswith("paper")] == ["paper_roberta_t2"]


def test_changes_are_taken_at_equal_seeds(tmp_path):
    """DistilBERT's table 4 prints differences from the whole loss."""
    student = {"model.layers": 1}
    arms = {"bert": ARMS["bert"], "budget_d4": ARMS["budget_d4"], "distilbert": (3.5, student),
            "distilbert_no_ce": (3.8, {**student, "loss.nsp": False}),
            "distilbert_no_cos": (3.6, {**student, "nsp": False})}  # fmt: skip
    claims = [{"id": "a", "says": "s", "kind": "superiority", "contrast": "distilbert - distilbert_no_ce",
               "metric": "val/mlm_loss", "factors": ["nsp"]}]  # fmt: skip
    material = made(tmp_path, arms=arms, claims=claims, seeds=4)
    sheets = {sheet.name: sheet for sheet in tables(material)}
    assert "paper_distilbert_t1" in sheets  # bert stands for the teacher
    frame = sheets["paper_distilbert_t4"].frame
    (line,) = [row for row in frame.to_numpy().tolist() if row[1] == "here: distilbert_no_ce (n = 4)"]
    changes = values(material, "distilbert_no_ce", "val/mlm_loss") - values(material, "distilbert", "val/mlm_loss")
    assert line[0] == "∅ - Lcos - Lmlm" and line[2] == MISSING
    assert [float(number) for number in re.findall(r"[\d.]+", line[3])] == pytest.approx(
        [changes.mean(), changes.std(ddof=1), np.median(changes)], abs=0.006
    )


@pytest.mark.parametrize("table", paper_tables(), ids=lambda table: table.name)
def test_layouts_name_what_is_published(table):
    known = {(one["row"], one["metric"], one["dataset"]) for one in results() if table_of(one) == table.name}
    printed = [row.row for row in table.rows if not row.extra]
    assert {row for row, _, _ in known} == set(printed)
    assert {about[1:] for about in known} == {(column.metric, column.dataset) for column in table.columns}
    for arms in table.arms:
        assert set(arms) <= {row.row for row in table.rows}
        assert len(set(arms.values())) == len(arms)
        exps = {exp for arm in arms.values() for exp in arm.split("__")}
        assert exps <= {path.stem for path in (conf_dir() / "exp").glob("*.yaml")}


@pytest.mark.parametrize(
    ("study", "table", "rows"),
    [("masking", "RoBERTa T1",
      {"static": "few_tokens__budget_x2", "dynamic": "few_tokens__budget_x2__dynamic_masking"}),
     ("compression", "DistilBERT T1", {"BERT-base": "budget_x2", "DistilBERT": "distilbert"}),
     ("papers", "DistilBERT T3", {"BERT-base": "budget_x2", "DistilBERT": "distilbert"})],
)  # fmt: skip
def test_studies_fill_the_tables_that_they_are_about(study, table, rows):
    (layout,) = (one for one in paper_tables() if one.name == table)
    assert layout.arms_in(named_study(study).arms) == rows


def test_files_hold_every_cell(sheets, tmp_path):
    for sheet in sheets.values():
        paths = save_sheet(sheet, tmp_path / "a")
        assert [path.suffix for path in paths] == [".csv", ".md", ".tex"]
        rows = list(csv.reader(io.StringIO(paths[0].read_text())))
        assert rows[1:] == sheet.frame.to_numpy().tolist()
        assert paths[1].read_text().count("\n") == len(sheet.frame) + 4
        again = save_sheet(sheet, tmp_path / "b")
        assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]


def test_shared_headings_stand_before_their_columns(sheets):
    cost = sheets["cost"]
    assert as_csv(cost).startswith("arm,runs: done,runs: diverged,")
    assert as_markdown(cost).startswith("| arm | runs: done | runs: diverged |")
