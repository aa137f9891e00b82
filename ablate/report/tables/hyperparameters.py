"""The hyper-parameter table: the baseline's recipe key by key, and the arms that differ in each."""

from collections.abc import Mapping

import pandas as pd

from ablate.config.science import flatten
from ablate.report.material import Material, Sheet

LISTED = 8  # arms named in one cell
_SETTLED = ("seed",)  # differs between the runs of an arm


def sheets(material: Material) -> list[Sheet]:
    """The table, where the baseline's recipe is known."""
    base = next((run.identity for run in material.runs if run.arm == _baseline(material) and run.identity), None)
    if base is None:
        return []
    plain = {key: value for key, value in flatten(dict(base)).items() if key not in _SETTLED}
    changed = changes_by_key(material)
    keys = sorted({*plain, *changed})
    frame = pd.DataFrame(
        [[key, say(plain.get(key)), _arms(changed.get(key, {}))] for key in keys],
        columns=["key", _baseline(material), "arms that differ"],
    )
    caption = (
        f"Every key of the recipe as the runs of {_baseline(material)} had it, and the arms with another value. The "
        "seed, which differs between the runs of an arm, is left out."
    )
    return [Sheet(name="hyperparameters", title="Hyper-parameters", caption=caption, frame=frame)]


def _baseline(material: Material) -> str:
    return material.judgement.study.baseline


def changes_by_key(material: Material) -> dict[str, dict[str, object]]:
    """Per dotted key, the value of each arm that differs from the baseline, in the study's order."""
    found: dict[str, dict[str, object]] = {}
    for arm in material.judgement.study.arms:
        for key, (_, new) in material.changes.get(arm, {}).items():
            if key not in _SETTLED:
                found.setdefault(key, {})[arm] = new
    return found


def _arms(values: Mapping[str, object]) -> str:
    """`5120: budget_d4; 40960: budget_x2, bert`: arms by what they have, at most so many of them."""
    by_value: dict[str, list[str]] = {}
    for arm, value in list(values.items())[:LISTED]:
        by_value.setdefault(say(value), []).append(arm)
    listed = "; ".join(f"{value}: {', '.join(arms)}" for value, arms in by_value.items())
    return listed + (f" and {len(values) - LISTED} more arms" if len(values) > LISTED else "")


def say(value: object) -> str:
    """A value as people write it: targets by their last name, numbers short, none and lists in words."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(say(part) for part in value)
    return str(value).removeprefix("ablate.")
