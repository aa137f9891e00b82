"""The tables of a report: what a study's material has the data for, one kind of table per module."""

from ablate.report.material import Material, Sheet
from ablate.report.tables import cost, hyperparameters, papers, verdicts
from ablate.report.tables.latex import as_latex
from ablate.report.tables.markdown import as_markdown
from ablate.report.tables.save import save_sheet

__all__ = ["as_latex", "as_markdown", "save_sheet", "tables"]

_MODULES = (verdicts, papers, cost, hyperparameters)


def tables(material: Material) -> list[Sheet]:
    """Every table that the material has data for, in the order of reading."""
    return [sheet for module in _MODULES for sheet in module.sheets(material)]
