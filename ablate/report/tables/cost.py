"""The cost table: what every arm used, whether or not its claims could be judged."""

from collections.abc import Iterator

import pandas as pd

from ablate.report.material import Material, Sheet
from ablate.report.tables.columns import MISSING
from ablate.report.units import short_number
from ablate.studies.audit import ArmAudit

USED = {
    "params": "parameters", "train/tokens": "tokens", "train/distinct_tokens": "distinct tokens",
    "train/epochs": "epochs", "train/updates": "updates", "train/masked_predictions": "masked predictions",
    "train/flops": "FLOPs", "train/seconds": "seconds",
}  # fmt: skip


def sheets(material: Material) -> list[Sheet]:
    """The table, where any arm has a finished run that says what it used."""
    arms = material.judgement.arms
    columns = {key: name for key, name in USED.items() if any(key in arm.used for arm in arms)}
    if not columns:
        return []
    frame = pd.DataFrame(
        [list(_row(arm, columns)) for arm in arms],
        columns=["arm", "done", "diverged", "failed", "other", *columns.values()],
    )
    caption = (
        "Runs of each arm by how they ended, and what a finished run used, as the mean over its seeds: k, M, G, T, P "
        "and E stand for 10 to the power of 3, 6, 9, 12, 15 and 18."
    )
    groups = ("", "runs", "runs", "runs", "runs", *("mean of a finished run" for _ in columns))
    return [Sheet(name="cost", title="Cost", caption=caption, frame=frame, groups=groups)]


def _row(arm: ArmAudit, columns: dict[str, str]) -> Iterator[str]:
    yield arm.arm
    yield from (str(count) for count in (arm.done, arm.diverged, arm.failed, arm.other))
    yield from (short_number(arm.used[key]) if key in arm.used else MISSING for key in columns)
