"""The forest plot draws what was judged, at its place."""

import pytest
from synthetic_report import made

from ablate.report.figures import forest


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return made(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def axes(material):
    (plot,) = forest.plots(material)
    return plot.draw().axes


def intervals(axes):
    return {
        line.get_gid(): tuple(line.get_xdata()) for line in axes.lines if (line.get_gid() or "").startswith("interval")
    }


def test_a_panel_per_unit_with_the_judged_intervals(material, axes):
    claims = {one.claim.id: one for one in material.judgement.claims}
    panels = [["nsp_not_needed", "adds_up"], ["single_hurts", "longer"], ["faster"]]
    assert len(axes) == len(panels)
    for panel, ids in zip(axes, panels, strict=True):
        assert intervals(panel) == {f"interval {i}": claims[name].verdict.interval for i, name in enumerate(ids)}
        texts = [text.get_text() for text in panel.texts]
        for name in ids:
            assert claims[name].verdict.verdict in texts and name in texts
            (estimate,) = [line for line in panel.lines if list(line.get_xdata()) == [claims[name].verdict.estimate]]
            assert list(estimate.get_ydata()) == [ids.index(name)]


def test_zero_margins_and_bounds(material, axes):
    scores, losses, times = axes
    for panel, null in [(scores, 0.0), (losses, 0.0), (times, 1.0)]:
        assert any(list(line.get_xdata()) == [null, null] for line in panel.lines)
    bands = [(c.get_paths()[0].vertices[:, 0].min(), c.get_paths()[0].vertices[:, 0].max()) for c in scores.collections]
    assert bands == [(-0.02, 0.02), (-0.03, 0.03)]
    bounds = [float(line.get_xdata()[0]) for line in scores.lines if line.is_dashed()]
    assert bounds == [-0.02, -0.03, 0.03]
    assert [float(line.get_xdata()[0]) for line in times.lines if line.is_dashed()] == pytest.approx([1.2])


def test_axes_have_units(axes):
    assert [panel.get_xlabel() for panel in axes] == [
        "effect on mean of the embedded tasks, 0 to 1 (right is better)",
        "effect on held-out loss, nats (right is better)",
        "times as fast (right of 1 is faster)",
    ]


def test_claims_without_interval_stand_apart(tmp_path):
    claims = [
        {"id": "a", "says": "s", "kind": "superiority", "contrast": "bert - sentence_pair", "metric": "val/mlm_loss",
         "factors": ["input"]},
        {"id": "b", "says": "s", "kind": "superiority", "contrast": "no_nsp - bert", "metric": "glue/mean_8",
         "factors": ["nsp"]},
    ]  # fmt: skip
    (plot,) = forest.plots(made(tmp_path, claims=claims))
    tested, untested = plot.draw().axes
    assert intervals(tested) and not intervals(untested)
    assert "not testable" in [text.get_text() for text in untested.texts]
    assert "b not testable (no interval)" in plot.alt


def test_nothing_tested_nothing_drawn(tmp_path):
    claims = [{"id": "a", "says": "s", "kind": "exact", "contrast": {"check": "kl_is_cross_entropy"}}]
    assert forest.plots(made(tmp_path, claims=claims)) == []
