"""What each kind of figure shows, read back from its axes."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic_report import ARMS, made

from ablate.config.science import digest
from ablate.report.figures import agreement, curves, heatmap, interaction, masks, paired, papers, pareto, scaling
from ablate.report.material import Material
from ablate.studies.papers import published


@pytest.fixture(scope="module")
def material(tmp_path_factory) -> Material:
    return made(tmp_path_factory.mktemp("made"))


def mean(material, arm, metric):
    return float(np.mean([run.metrics[metric] for run in material.runs if run.arm == arm]))


def texts(axes):
    return [text.get_text() for text in axes.texts]


def marks(axes, marker="o"):
    """Where single marks are."""
    return [(float(x), float(y)) for line in axes.lines if line.get_marker() == marker
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]  # fmt: skip


def test_curves_are_means_over_seeds_with_the_range_as_band(material):
    frame = material.curves[material.curves["arm"] == "bert"]
    at_end = frame[frame["step"] == frame["step"].max()]["val/mlm_loss"]
    averaged = curves.averaged(material.curves, "val/mlm_loss", "tokens")
    end = averaged[averaged["arm"] == "bert"].iloc[-1]
    assert (end["mean"], end["low"], end["high"], end["n"]) == (
        pytest.approx(at_end.mean()), at_end.min(), at_end.max(), 5,
    )  # fmt: skip
    tokens, seconds = curves.plots(material)
    grid = [axes for axes in tokens.draw().axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in grid] == [arm for arm in ARMS if arm != "bert"]
    assert all(line.get_xdata()[-1] < axes.get_xlim()[1] for axes in grid for line in axes.lines)  # nothing is cut off
    assert "Grey in each panel: the baseline, bert" in tokens.caption
    assert "seconds" in seconds.caption.lower()


def test_curves_say_which_arms_have_other_tokens(material):
    assert "of other tokens" not in curves.plots(material)[0].caption
    changes = {"no_nsp": {"tokenizer.lowercase": (True, False)}, "small": {"tokenizer.corpus": ("a", "b")}}
    caption = curves.plots(replace(material, changes=changes))[0].caption
    assert "no_nsp: of other tokens than the baseline's" in caption


def test_few_arms_share_a_panel_and_are_named_at_their_ends(tmp_path):
    arms = {arm: ARMS[arm] for arm in ("bert", "no_nsp", "budget_d4")}
    claims = [{"id": "a", "says": "s", "kind": "superiority", "contrast": "no_nsp - bert", "metric": "val/mlm_loss",
               "factors": ["nsp"]}]  # fmt: skip
    material = made(tmp_path, arms=arms, claims=claims, seeds=3)
    plot = curves.plots(material)[0]
    (axes,) = plot.draw().axes
    assert texts(axes) == list(arms)
    assert axes.get_xlabel() == "training tokens" and axes.get_ylabel() == "held-out loss, nats"
    heights = sorted(text.get_position()[1] for text in axes.texts)
    assert min(np.diff(heights)) > 0.03  # of the axes' height: labels do not lie on one another
    assert "n = 3 seeds" in plot.caption


def test_a_seed_without_a_step_is_no_step_of_the_mean():
    frame = pd.DataFrame(
        {"arm": "a", "seed": [0, 0, 1], "step": [1, 2, 1], "tokens": [1, 2, 1], "val/mlm_loss": [3.0, 2.0, 5.0]}
    )
    averaged = curves.averaged(frame, "val/mlm_loss", "tokens")
    assert list(averaged["step"]) == [1] and list(averaged["mean"]) == [4.0]


def test_a_run_that_is_not_finished_does_not_end_the_mean(tmp_path):
    material = made(tmp_path, arms={arm: ARMS[arm] for arm in ("bert", "no_nsp", "budget_d4")}, claims=[], seeds=3)
    frame, last = material.curves, material.curves["step"].max()
    cut = (frame["arm"] == "bert") & (frame["seed"] == 2) & (frame["step"] == last)
    at_end = frame[(frame["arm"] == "bert") & (frame["step"] == last) & (frame["seed"] < 2)]["val/mlm_loss"]
    runs = tuple(
        replace(run, state="interrupted") if (run.arm, run.seed) == ("bert", 2) else run for run in material.runs
    )
    plot = curves.plots(replace(material, runs=runs, curves=frame[~cut]))[0]
    assert f"bert ends at {at_end.mean():.3g}" in plot.alt and "n = 2 to 3 seeds" in plot.caption


@pytest.mark.parametrize(("columns", "turned"), [(3, False), (9, True)])
def test_headings_of_the_heat_map_are_never_cut_inside_a_word(columns, turned):
    metrics = ["probe/cola/mcc", *(f"probe/task_{i}/accuracy" for i in range(columns - 1))]
    frame = pd.DataFrame(np.zeros((2, columns)), index=["bert", "other"], columns=metrics)
    labels = heatmap.draw(frame, "bert").axes[0].get_xticklabels()
    assert labels[0].get_text().split() == ["cola", "Matthews", "correlation"]
    assert {bool(label.get_rotation()) for label in labels} == {turned}


def test_crossed_factors_are_found_in_what_arms_differ_in(material):
    (plot,) = interaction.plots(material)
    assert plot.name == "interaction_nsp_input"
    (axes,) = plot.draw().axes
    assert [t.get_text() for t in axes.get_xticklabels()] == ["segment pair", "sentence pair", "full sentences"]
    assert texts(axes) == ["nsp on", "nsp off"]
    drawn = {(x, round(y, 9)) for x, y in marks(axes) if np.isfinite(y)}
    expected = {"bert": 0, "no_nsp": 0, "sentence_pair": 1, "sentence_pair_no_nsp": 1, "full_sentences": 2}
    assert drawn == {(x, round(mean(material, arm, "embedded/mean"), 9)) for arm, x in expected.items()}
    assert "Claim adds_up (additivity): supported." in plot.caption
    assert "the study has no such arm" in plot.caption


def test_factors_cross_around_other_arms_than_the_baseline(tmp_path):
    """Loss x initialisation among students, while the baseline differs from all of them in size."""
    student = {"model.layers": 1}
    arms = {
        "bert": (3.0, {}), "hard": (4.0, student), "soft": (3.6, {**student, "loss.nsp": False}),
        "hard_init": (4.2, {**student, "init.std": 0.05}),
        "soft_init": (3.9, {**student, "loss.nsp": False, "init.std": 0.05}), "budget_d4": ARMS["budget_d4"],
    }  # fmt: skip
    claims = [{"id": "a", "says": "s", "kind": "superiority", "contrast": "soft - hard", "metric": "val/mlm_loss",
               "factors": ["nsp"]}]  # fmt: skip
    (plot,) = interaction.plots(made(tmp_path, arms=arms, claims=claims, seeds=2))
    assert plot.name == "interaction_nsp_initialisation"
    assert sum(np.isfinite(y) for _, y in marks(plot.draw().axes[0])) == 4


def test_numbers_stand_in_their_order_across_the_axis(tmp_path):
    arms = {
        "bert": (3.0, {"budget.amount": 8000}), "half": (3.4, {"budget.amount": 4000}),
        "no_nsp": (3.1, {"budget.amount": 8000, "nsp": False}),
        "no_nsp_half": (3.6, {"budget.amount": 4000, "nsp": False}), "budget_d4": (3.9, {"budget.amount": 1000}),
    }  # fmt: skip
    claims = [{"id": "a", "says": "s", "kind": "superiority", "contrast": "no_nsp - bert", "metric": "val/mlm_loss",
               "factors": ["nsp"]}]  # fmt: skip
    (plot,) = interaction.plots(made(tmp_path, arms=arms, claims=claims, seeds=2))
    labels = [text.get_text() for text in plot.draw().axes[0].get_xticklabels()]
    assert labels == ["amount 1 k", "amount 4 k", "amount 8 k"]


def test_scaling_curves_follow_the_number_that_arms_vary(material):
    (plot,) = scaling.plots(material)
    (axes,) = plot.draw().axes
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "training tokens"
    assert marks(axes) == [
        (pytest.approx(x), pytest.approx(mean(material, arm, "embedded/mean")))
        for arm, x in [("budget_d4", 5120), ("bert", 20480), ("budget_x2", 40960)]
    ]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["5.12 k\nbudget_d4", "20.5 k\nbert", "41 k\nbudget_x2"]


def test_two_levels_make_no_curve(tmp_path):
    arms = {arm: ARMS[arm] for arm in ("bert", "budget_d4", "no_nsp")}
    claims = [{"id": "a", "says": "s", "kind": "superiority", "contrast": "no_nsp - bert", "metric": "val/mlm_loss",
               "factors": ["nsp"]}]  # fmt: skip
    assert scaling.plots(made(tmp_path, arms=arms, claims=claims, seeds=2)) == []


def test_seeds_are_joined_in_pairs(material):
    (plot,) = paired.plots(material)
    first = plot.draw().axes[0]
    values = {(run.arm, run.seed): run.metrics["embedded/mean"] for run in material.runs}
    joined = [tuple(line.get_xdata()) for line in first.lines]
    assert joined == [(values["no_nsp", seed], values["bert", seed]) for seed in range(5)]
    assert [label.get_text() for label in first.get_yticklabels()] == [f"seed {seed}" for seed in range(5)]
    assert [text.get_text() for text in first.get_legend().get_texts()] == ["no_nsp", "bert"]


def test_masks_are_counted_by_copies_and_epochs(material):
    groups = {group.arms: (group.copies, group.seen(group.epochs)) for group in masks.masks_of(material)}
    assert groups[("dynamic_masking",)] == (None, 12)
    assert groups[("budget_d4",)] == (10, 3)
    assert groups[("budget_x2",)] == (10, 10)
    (plot,) = masks.plots(material)
    assert "dynamic_masking: 12" in texts(plot.draw().axes[0])


@pytest.mark.parametrize(
    ("epochs", "copies", "seen"), [(0.4, 10, 1), (1, 10, 1), (1.01, 10, 2), (30, 10, 10), (30, None, 30)]
)
def test_a_begun_epoch_shows_its_mask(epochs, copies, seen):
    assert masks.Masks(arms=("a",), copies=copies, epochs=epochs).seen(epochs) == seen


def test_equal_masks_are_no_figure(material):
    runs = tuple(run for run in material.runs if run.arm != "dynamic_masking")
    assert masks.plots(replace(material, runs=runs)) == []


def test_masks_of_one_pass_are_no_figure(material):
    def once(run):
        return replace(run, record=replace(run.record, metrics={**run.metrics, "train/epochs": 0.9}))

    runs = tuple(map(once, material.runs))
    assert len({group.copies for group in masks.masks_of(replace(material, runs=runs))}) > 1
    assert masks.plots(replace(material, runs=runs)) == []


def test_the_heat_map_has_every_task_of_every_arm(material):
    (plot,) = heatmap.plots(material)
    axes = plot.draw().axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["topic accuracy", "word_swap accuracy"]
    assert [t.get_text() for t in axes.get_yticklabels()] == list(ARMS)
    assert texts(axes)[:2] == [f"{mean(material, 'bert', f'{task}/accuracy'):.3f}" for task in ("topic", "word_swap")]
    difference = np.asarray(axes.collections[0].get_array()).reshape(len(ARMS), 2)
    assert difference[0] == pytest.approx([0, 0])
    assert difference[1][0] == pytest.approx(
        mean(material, "no_nsp", "topic/accuracy") - mean(material, "bert", "topic/accuracy")
    )


def test_the_front_holds_what_nothing_beats():
    points = {"a": (1.0, 0.7), "b": (2.0, 0.9), "c": (3.0, 0.8), "d": (1.0, 0.6), "e": (4.0, 0.95)}
    assert pareto.front(points, higher=True) == ["a", "b", "e"]
    assert pareto.front(points, higher=False) == ["d"]


def test_costs_are_drawn_where_arms_differ_in_them(material):
    latency, params = pareto.plots(material)
    assert latency.draw().axes[0].get_xlabel() == "latency of one input, ms"
    assert (2e6, pytest.approx(mean(material, "bert", "embedded/mean"))) in marks(params.draw().axes[0])
    equal = tuple(run for run in material.runs if run.arm != "small")
    assert pareto.plots(replace(material, runs=equal)) == []


def test_the_papers_and_this_study_share_a_unit(material):
    points, nats = papers.plots(material)
    (axes,) = points.draw().axes
    claim = material.judgement.claims[0]
    published = [x for x, _ in marks(axes, "D")]
    assert published == pytest.approx([0.0, 0.4, 0.7, -0.4, 0.6])  # table 2: FULL-SENTENCES less SEGMENT-PAIR
    assert [tuple(line.get_xdata()) for line in axes.lines if line.get_linewidth() == 2] == [
        tuple(100 * bound for bound in claim.verdict.interval)
    ]
    assert axes.get_xlabel() == "difference, points"
    (axes,) = nats.draw().axes
    assert [x for x, _ in marks(axes, "D")] == pytest.approx([np.log(3.99 / 3.68)])


def test_other_units_get_an_axis_of_their_own(tmp_path):
    claims = [{"id": "a", "says": "s", "kind": "superiority", "contrast": "bert - sentence_pair", "factors": ["input"],
               "metric": "val/mlm_loss",
               "published": [{"table": "RoBERTa T2", "row": "SEGMENT-PAIR", "against": "SENTENCE-PAIR"}]}]  # fmt: skip
    (plot,) = papers.plots(made(tmp_path, claims=claims))
    theirs, ours = plot.draw().axes
    assert (
        theirs.get_xlabel() == "the papers:\ndifference, points"
        and ours.get_xlabel() == "this study:\ndifference, nats"
    )
    assert "compare signs, not sizes" in plot.caption


@pytest.mark.parametrize(
    ("table", "row", "against", "share", "unit", "value"),
    [
        ("DistilBERT T1", "DistilBERT", "BERT-base", 0.97, "points", 77.0 - 0.97 * 79.5),
        ("DistilBERT T3", "DistilBERT", "BERT-base", 1.0, "ratio", 668 / 410),
        ("DistilBERT T4", "Triple loss + random weights initialization", None, 1.0, "points", 3.69),
    ],
)
def test_published_contrasts_are_the_claims(table, row, against, share, unit, value):
    rows = {"table": table, "row": row} | ({"against": against} if against else {})
    found = [papers.published_contrast(figure, share=share) for figure in published(rows)]
    assert (unit, pytest.approx(value)) in found


def test_a_count_of_parameters_is_no_speed():
    figures = published({"table": "DistilBERT T3", "row": "DistilBERT", "against": "BERT-base", "metric": "parameters"})
    assert papers.published_contrast(figures[0], share=1.0) is None


def test_the_plateau_is_drawn_where_all_arms_share_it(material):
    runs = tuple(
        replace(run, record=replace(run.record, metrics={**run.record.metrics, "val/unigram_loss": 6.5}))
        for run in material.runs
    )
    plot = curves.plots(replace(material, runs=runs))[0]
    assert "word frequencies alone, 6.50 nats" in plot.caption
    axes = plot.draw().axes[0]
    assert any(list(line.get_ydata()) == [6.5, 6.5] for line in axes.lines) and axes.get_ylim()[1] > 6.5
    other = (
        replace(runs[0], record=replace(runs[0].record, metrics={**runs[0].record.metrics, "val/unigram_loss": 7})),
    )
    assert "word frequencies" not in curves.plots(replace(material, runs=other + runs[1:]))[0].caption


def test_agreement_counts_equal_predictions(tmp_path):
    arms = {"bert": (3.0, {}), "student": (3.5, {"model.layers": 1}), "budget_d4": ARMS["budget_d4"]}
    claims = [{"id": "keeps", "says": "s", "kind": "retention", "contrast": "student - 0.9*bert",
               "metric": "embedded/mean", "factors": ["model"]}]  # fmt: skip
    material = made(tmp_path, arms=arms, claims=claims, seeds=2)
    assert agreement.teacher_of(material) == "bert"
    assert agreement.plots(material) == []  # no predictions yet
    for run in material.runs:
        flipped = {"bert": 0, "student": 1 + run.seed, "budget_d4": 8}[run.arm]
        labels = np.array([0] * 10)
        labels[:flipped] = 1
        (run.directory / "predictions").mkdir()
        for name in ("a_mlm", "b_spans", "c_more", "d_yet_more"):  # sums per document, of no labels
            per_document = pd.DataFrame({"document": range(10), "nats": 1.0})
            per_document.to_parquet(run.directory / "predictions" / f"{name}.parquet")
        pd.DataFrame({"id": range(10), "label": 0, "prediction": labels, "finetuning_seed": 0}).to_parquet(
            run.directory / "predictions" / "topic.parquet"
        )
    found = agreement.agreement(material, "bert", ["student", "budget_d4"], tasks=agreement.tasks_of(material, "bert"))
    assert found == {"topic": {"student": [0.9, 0.8], "budget_d4": [pytest.approx(0.2)] * 2}}
    (plot,) = agreement.plots(material)
    assert [x for x, _ in marks(plot.draw().axes[0])] == pytest.approx([0.85, 0.2])
    assert "tasks" not in plot.caption
    for path in tmp_path.glob("**/predictions/topic.parquet"):
        for name in ("one", "two", "three", "zero"):
            shutil.copy(path, path.with_name(f"{name}.parquet"))
    (plot,) = agreement.plots(material)
    assert plot.caption.endswith("The first 4 of 5 tasks.")
    assert [axes.get_title(loc="left") for axes in plot.draw().axes] == ["one", "three", "topic", "two"]


def test_a_teacher_is_known_by_the_recipe_that_its_students_name(material):
    def with_teacher(recipe):
        taught = {"recipe": recipe, "seed": "same", "keep": 8}
        runs = tuple(
            replace(run, identity={**run.identity, "teacher": taught}) if run.arm == "small" else run
            for run in material.runs
        )
        return agreement.teacher_of(replace(material, runs=runs))

    recipes = {run.arm: digest({k: v for k, v in run.identity.items() if k != "seed"}) for run in material.runs}
    assert with_teacher(recipes["no_nsp"]) == "no_nsp"
    assert with_teacher("of some other folder") is None
