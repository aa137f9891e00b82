"""Every figure of a study: which there are, what they say, the same bytes each time, any name drawn as text."""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from synthetic_report import ARMS, CLAIMS, made, material_of, study_of, write_study

from ablate.report.figures import figures, save_plot
from ablate.report.material import Material
from ablate.studies.judge import judge

HOSTILE = [
    "<script>alert(1)</script>",
    "$\\frac{1}{0}$ $x$",
    "100%_of_\\it",
    "🙂🏴‍☠️ 漢字 \u202eabc",
    "a" * 300,
    "a_b " * 75,
    "&amp;\n\t#{}",
]


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    return made(tmp_path_factory.mktemp("made"))


def test_every_figure_that_there_is_data_for(material):
    names = [plot.name for plot in figures(material)]
    assert names == [
        "forest", "papers_points", "papers_nats", "interaction_nsp_input", "scaling_budget", "seeds", "curves_tokens",
        "curves_seconds", "masks", "tasks", "pareto_latency", "pareto_params",
    ]  # fmt: skip


def test_captions_state_n_and_what_the_bars_are(material):
    for plot in figures(material):
        assert "n = 5" in plot.caption, plot.name
        assert any(word in plot.caption for word in ("bar", "band", "dots", "Numbers")), plot.name
        assert plot.alt.endswith(".") and len(plot.alt) > 40, plot.name
        assert plot.title


RENDER = """
import sys
from pathlib import Path
from synthetic_report import material_of, study_of
from ablate.report.figures import figures, save_plot
for plot in figures(material_of(Path(sys.argv[1]), study_of())):
    save_plot(plot, Path(sys.argv[2]))
"""


def test_files_are_the_same_bytes_each_time(material, tmp_path):
    """Here, here again, and in a process with another hash seed."""
    write_study(tmp_path / "made", study_of())
    tests = Path(__file__).resolve().parents[2]
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    subprocess.run(
        [sys.executable, "-c", RENDER, tmp_path / "made", tmp_path / "there"], check=True,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"},
    )  # fmt: skip
    for plot in figures(material):
        for path in save_plot(plot, tmp_path / "here"):
            assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes(), path.name
    for path in save_plot(figures(material)[0], tmp_path / "again"):
        assert path.read_bytes() == (tmp_path / "here" / path.name).read_bytes()
    for path in (tmp_path / "here").glob("*.svg"):
        ET.fromstring(path.read_text())
        assert "<dc:date>" not in path.read_text() and "Matplotlib v" not in path.read_text()


def test_users_settings_of_matplotlib_change_nothing(material, tmp_path):
    import matplotlib as mpl

    plot = figures(material)[0]
    plain = save_plot(plot, tmp_path / "a")[0].read_bytes()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "text.parse_math": True}):
        assert save_plot(plot, tmp_path / "b")[0].read_bytes() == plain
        assert mpl.rcParams["font.size"] == 30


def test_no_runs_no_figures(material):
    study = material.judgement.study
    empty = judge(study, [], recipes={})
    nothing = Material(judgement=empty, runs=(), curves=pd.DataFrame(), descriptions={}, changes={})
    assert figures(nothing) == []


def renamed(material: Material, names: dict[str, str]) -> Material:
    """The same material with other names of arms and claims, as a csv of others' results may have them."""

    def new(value):
        if isinstance(value, tuple):
            return tuple(names.get(arm, arm) for arm in value)
        return (
            " ".join(f"'{names[w]}'" if w in names else w for w in value.split()) if isinstance(value, str) else value
        )

    study = material.judgement.study
    claims = tuple(replace(c, id=names.get(c.id, c.id), contrast=new(c.contrast)) for c in study.claims)
    hostile = replace(study, baseline=names["bert"], arms=new(study.arms), control=None, claims=claims)
    runs = tuple(replace(run, arm=names.get(run.arm, run.arm)) for run in material.runs)
    return Material(
        judgement=judge(hostile, runs, recipes={}, foreign=True), runs=runs,
        curves=material.curves.assign(arm=material.curves["arm"].map(lambda arm: names.get(arm, arm))),
        descriptions={}, changes={names.get(arm, arm): keys for arm, keys in material.changes.items()},
    )  # fmt: skip


def test_any_name_is_drawn_as_text(material, tmp_path):
    names = dict(zip(ARMS, HOSTILE, strict=False)) | {"nsp_not_needed": "<b>$x_{$", "single_hurts": "🙂" * 300}
    hostile = renamed(material, names)
    plots = figures(hostile)
    assert [plot.name for plot in plots] == [plot.name for plot in figures(material)]
    for plot in plots:
        svg, png = save_plot(plot, tmp_path)
        ET.fromstring(svg.read_text())
        assert "<script" not in svg.read_text()
        assert png.stat().st_size > 5_000


def test_twelve_arms_and_ten_seeds_take_seconds(tmp_path):
    arms = ARMS | {f"lr_{i}": (4.0 + 0.1 * i, {"optim.lr": 0.001 * (i + 2)}) for i in range(3)}
    material = made(tmp_path, arms=arms, seeds=10)
    started = time.process_time()
    for plot in figures(material):
        save_plot(plot, tmp_path / "figures")
    assert time.process_time() - started < 15


def test_two_hundred_arms_stay_legible_and_say_what_is_left_out(tmp_path):
    arms = ARMS | {f"lr_{i}": (4.0 + 0.005 * i, {"optim.lr": 0.001 * (i + 2)}) for i in range(191)}
    claims = CLAIMS + [
        {"id": f"claim_{i}", "says": "better", "kind": "superiority", "contrast": f"lr_{i} - bert",
         "metric": "val/mlm_loss", "factors": ["learning_rate"]}
        for i in range(60)
    ]  # fmt: skip
    material = made(tmp_path, arms=arms, claims=claims, seeds=2)
    plots = {plot.name: plot for plot in figures(material)}
    limited = {"forest": "claims", "curves_tokens": "arms", "tasks": "arms", "pareto_params": "arms"}
    for name, what in {**limited, "seeds": "comparisons"}.items():
        assert f"further {what} are not drawn" in plots[name].caption
    assert "of the 192 arms are drawn without their names" in plots["scaling_learning_rate"].caption
    for plot in plots.values():
        save_plot(plot, tmp_path / "figures")
        width, height = plot.draw().get_size_inches()
        assert width <= 8 and height <= 22, plot.name


def test_material_of_the_folder_is_what_was_written(tmp_path):
    study = study_of()
    write_study(tmp_path / "made", study, curves=False)
    material = material_of(tmp_path / "made", study)
    assert not any(plot.name.startswith("curves") for plot in figures(material))
