"""The figures of a report: what a study's material has the data for, one kind of figure per module."""

from ablate.report.figures import (
    agreement,
    curves,
    forest,
    heatmap,
    interaction,
    masks,
    paired,
    papers,
    pareto,
    scaling,
)
from ablate.report.figures.save import save_plot
from ablate.report.material import Material, Plot

__all__ = ["figures", "save_plot"]

_MODULES = (forest, papers, interaction, scaling, paired, curves, masks, heatmap, pareto, agreement)


def figures(material: Material) -> list[Plot]:
    """Every figure that the material has data for, in the order of reading."""
    return [plot for module in _MODULES for plot in module.plots(material)]
