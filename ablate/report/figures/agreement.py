"""How often each arm predicts what the teacher predicts, example by example, on the same task."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ablate.config.science import digest
from ablate.report.arms import chosen_arms, left_out, seeds_text
from ablate.report.figures.style import FAINT, HUES, INK, QUIET, WIDTH, panels, styled
from ablate.report.figures.words import short
from ablate.report.material import Material, Plot
from ablate.runs.collect import Run
from ablate.stats.claims import parts_of
from ablate.studies.gate import recipe_of

ARMS, TASKS, COLUMNS = 12, 4, 2
_KEYS = ["finetuning_seed", "id"]

Agreement = Mapping[str, Mapping[str, list[float]]]  # by task, then arm: a value per seed


def plots(material: Material) -> list[Plot]:
    """The figure, where the study has a teacher whose predictions are kept, and other arms' beside them."""
    teacher = teacher_of(material)
    if teacher is None:
        return []
    there = [arm for arm in material.judgement.study.arms if arm != teacher]
    arms = chosen_arms(material, there, at_most=ARMS)
    taught = {run.arm for run in material.runs if run.identity.get("teacher")}
    tasks = tasks_of(material, teacher)
    found = agreement(material, teacher, arms, tasks=tasks[:TASKS])
    if not found:
        return []
    counts = [len(values) for of_arm in found.values() for values in of_arm.values()]
    caption = (
        f"Share of test examples on which an arm and the teacher, {short(teacher)}, predict the same label at equal "
        f"seeds ({seeds_text(counts)}). Large marks: mean over seeds; small dots: single seeds, averaged over "
        "fine-tunings. "
    )
    caption += "Blue: arms that were taught; grey: arms that never saw the teacher. " if taught else ""
    caption += f"The first {TASKS} of {len(tasks)} tasks." if len(tasks) > TASKS else ""
    said = [
        f"{task}: " + ", ".join(f"{short(arm)} {np.mean(values):.3f}" for arm, values in of_arm.items())
        for task, of_arm in found.items()
    ]
    return [
        Plot(
            name="agreement", title="Agreement with the teacher",
            caption=caption.strip() + left_out(len(arms), len(there), "arms"),
            alt=f"Agreement with {short(teacher)}. {'; '.join(said)}.", draw=partial(draw, found, arms, taught),
        )
    ]  # fmt: skip


def teacher_of(material: Material) -> str | None:
    """The arm that others learnt from: by the recipe that theirs name, else by what a retention claim keeps."""
    arms = {digest(recipe_of(run)): run.arm for run in material.runs if run.arm in material.judgement.study.arms}
    for run in material.runs:
        named = (run.identity.get("teacher") or {}).get("recipe")
        if named in arms:
            return arms[named]
    for claim in material.judgement.study.claims:
        if claim.kind == "retention":
            return next(arm for arm, c in parts_of(claim.test)[0].contrast.coefficients if c < 0)
    return None


def tasks_of(material: Material, teacher: str) -> list[str]:
    """The tasks that a judged run of the teacher predicted labels of."""
    runs = [run for (arm, _), run in _judged(material).items() if arm == teacher]
    files = {path.stem: run for run in runs for path in (run.directory / "predictions").glob("*.parquet")}
    return sorted(task for task, run in files.items() if _predictions(run, task) is not None)


def agreement(
    material: Material, teacher: str, arms: Sequence[str], *, tasks: Sequence[str]
) -> dict[str, dict[str, list[float]]]:
    """By task and arm, the share of equal predictions at each seed."""
    runs, found = _judged(material), dict[str, dict[str, list[float]]]()
    for task in tasks:
        for seed in sorted(set(material.judgement.seeds)):
            taught = _predictions(runs.get((teacher, seed)), task)
            for arm in arms:
                other = _predictions(runs.get((arm, seed)), task)
                if taught is not None and other is not None and len(same := taught.index.intersection(other.index)):
                    share = float(np.mean(taught.loc[same].to_numpy() == other.loc[same].to_numpy()))
                    found.setdefault(task, {}).setdefault(arm, []).append(share)
    return found


def _judged(material: Material) -> dict[tuple[str, int], Run]:
    """The finished runs of the judged seeds, by arm and seed."""
    seeds = set(material.judgement.seeds)
    return {(run.arm, run.seed): run for run in material.runs if run.state == "done" and run.seed in seeds}


def _predictions(run: Run | None, task: str) -> "pd.Series[int] | None":
    """Predicted labels by fine-tuning seed and example; None where there are none, or they are no labels."""
    path = Path() if run is None else run.directory / "predictions" / f"{task}.parquet"
    if not path.is_file():
        return None
    frame = pd.read_parquet(path)
    if not {*_KEYS, "prediction"} <= set(frame.columns) or pd.api.types.is_float_dtype(frame["prediction"]):
        return None
    return frame.drop_duplicates(_KEYS).set_index(_KEYS)["prediction"]


@styled
def draw(found: Agreement, arms: Sequence[str], taught: set[str]) -> Figure:
    """A panel per task, a row per arm."""
    columns = min(COLUMNS, len(found))
    rows = -(-len(found) // columns)
    shown = [arm for arm in arms if any(arm in of_arm for of_arm in found.values())]
    figure, grid = panels(rows, columns, width=WIDTH, height=rows * (0.8 + 0.24 * len(shown)), sharex=True, sharey=True)
    for axes, (task, of_arm) in zip(grid, found.items(), strict=False):
        for row, arm in enumerate(shown):
            values, colour = of_arm.get(arm, []), HUES[0] if arm in taught or not taught else QUIET
            axes.plot(values, [row] * len(values), ".", color=colour, ms=5, alpha=0.5, mew=0)
            if values:
                axes.plot([np.mean(values)], [row], "o", color=colour, ms=6.5, mec="white", mew=0.7)
        axes.set_title(short(task, 40), color=INK)
        axes.set_yticks(range(len(shown)), [short(arm, 28) for arm in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.grid(axis="y", color=FAINT, lw=0.4)
        axes.margins(x=0.08)
    for axes in grid[len(found) :]:
        axes.set_visible(False)
    figure.supxlabel("share of examples with the teacher's label", fontsize=8.5)
    return figure
