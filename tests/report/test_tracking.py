"""Weights & Biases, for real and offline: the verdicts, the figures and the page are in what it would upload."""

import json

import pytest
from waiting import holds_soon

from ablate.report.collect import read
from ablate.report.tracking import log_report
from ablate.report.write import write_report


@pytest.mark.filterwarnings("ignore")  # wandb's own
def test_a_report_is_logged_offline_without_an_account(nsp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_API_KEY", "")
    collected = read(nsp)
    written = write_report(collected, tmp_path / "reports" / "nsp")
    said = log_report(collected, written)
    (folder,) = tmp_path.glob("wandb/offline-run-*")
    assert str(folder.name) in said
    table = json.loads(next(folder.glob("files/media/table/verdicts*.json")).read_text())
    assert [row[0] for row in table["data"]] == [one.claim.id for one in collected.material.judgement.claims]
    assert "supported" in [row[table["columns"].index("verdict")] for row in table["data"]]
    images = list(folder.glob("files/media/images/figures/*.png"))
    assert len(images) == len(written.plots) >= 3
    page = next(folder.glob("files/media/html/page*.html")).read_text()
    assert page.startswith("<!DOCTYPE html>") or "<!DOCTYPE html>" in page
    record = next(folder.glob("run-*.wandb"))
    for text in ("report-nsp", "verdict/nsp_not_needed", "report nsp", "index.html", "verdicts.json"):
        assert holds_soon(record, text), text
