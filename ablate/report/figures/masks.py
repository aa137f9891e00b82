"""Masking: how many different masks a sequence has been seen with after so many epochs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ablate.report.arms import finished, seeds_text
from ablate.report.figures.style import FAINT, WIDTH, arm_styles, panels, styled
from ablate.report.figures.words import arm_labels, label_ends, short
from ablate.report.material import Material, Plot

SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Masks:
    """Arms with the same number of masks per sequence (None: no end) and the most epochs that one of them trained."""

    arms: tuple[str, ...]
    copies: int | None
    epochs: float

    @property
    def again(self) -> float:
        """How often each mask of a sequence was seen."""
        return self.epochs / self.copies if self.copies else min(self.epochs, 1.0)

    def seen(self, epoch: float) -> int:
        """Different masks of a sequence after so many epochs, a begun one included."""
        begun = max(math.ceil(epoch - 1e-9), 0)
        return begun if self.copies is None else min(begun, self.copies)


def plots(material: Material) -> list[Plot]:
    """The plot, where arms differ in the number of masks and a sequence was read more than once."""
    groups = masks_of(material)
    if len({group.copies for group in groups}) < 2 or all_read_once(groups):
        return []
    counts = [len(seeds) for seeds in finished(material, "train/epochs").values()]
    said = [f"{_names(g)}: {g.seen(g.epochs)} masks in {g.epochs:.3g} epochs" for g in groups]
    caption = (
        f"Different masks that a sequence has been seen with, by the recipe, {seeds_text(counts)} per arm. Each line "
        "ends at the epochs that its arm trained (mean over seeds); the masks are counted, not estimated, so there are "
        "no bars. Lines that run together are drawn one inside the other: their arms have seen the same masks."
    )
    return [
        Plot(
            name="masks", title="Distinct masks seen", caption=caption, alt=f"Masks per sequence: {'; '.join(said)}.",
            draw=partial(draw, groups[:SHOWN], material.judgement.study.baseline),
        )
    ]  # fmt: skip


def masks_of(material: Material) -> list[Masks]:
    """Arms by masks per sequence and epochs, in the study's order."""
    epochs = finished(material, "train/epochs")
    recipes = {run.arm: run.identity for run in material.runs if "copies" in run.identity.get("masking", {})}
    found: dict[tuple[int | None, float], list[str]] = {}
    for arm, of_seed in epochs.items():
        if arm in recipes:
            mean = round(float(np.mean(list(of_seed.values()))), 3)
            found.setdefault((recipes[arm]["masking"]["copies"], mean), []).append(arm)
    return [Masks(arms=tuple(arms), copies=copies, epochs=mean) for (copies, mean), arms in found.items()]


def all_read_once(groups: Sequence[Masks]) -> bool:
    """Whether no arm came to a second mask for lack of a second epoch: all ways of masking are then the same."""
    return all(group.epochs <= 1 for group in groups)


def _names(group: Masks) -> str:
    return short(group.arms[0], 30) + _more(group)


def _more(group: Masks) -> str:
    return f" and {len(group.arms) - 1} more" if len(group.arms) > 1 else ""


@styled
def draw(groups: Sequence[Masks], baseline: str) -> Figure:
    """Steps: a line per group, the later ones thinner, so that those that run together are all seen."""
    figure, (axes,) = panels(1, 1, width=WIDTH, height=3.2)
    styles = arm_styles([group.arms[0] for group in groups], baseline=baseline)
    top = max(group.seen(group.epochs) for group in groups)
    ends = []
    labels = arm_labels([group.arms[0] for group in groups])
    for i, group in enumerate(groups):
        x = [0.0, *(e for e in range(1, math.ceil(group.epochs)) if e < group.epochs), group.epochs]
        y = [group.seen(max(e, 1e-6)) for e in x[1:]]
        colour, dash = styles[group.arms[0]]
        wider = len(groups) - 1 - i
        (line,) = axes.plot(x, [y[0], *y], drawstyle="steps-pre", color=colour, ls=dash, lw=1.5 + wider)
        line.set_solid_joinstyle("miter")
        axes.plot([x[-1]], [y[-1]], "o", color=colour, ms=4 + wider)
        ends.append((x[-1], y[-1], f"{labels[i]}{_more(group)}: {group.seen(group.epochs)}", colour))
    axes.set_xlim(left=0)
    axes.set_ylim(0, top * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(axis="y", color=FAINT, lw=0.4)
    axes.set_xlabel("epochs over the training sequences")
    axes.set_ylabel("different masks per sequence")
    label_ends(axes, ends)
    return figure
