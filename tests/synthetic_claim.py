"""A claim with runs planted for it, without training: what tests of judging start from."""

import numpy as np
from synthetic_runs import write_run

from ablate import api
from ablate.studies.study import read_study

METRIC = "val/mlm_loss"
CLAIM = {
    "id": "masks", "says": "drawing masks anew is better", "kind": "superiority", "contrast": "dynamic - bert",
    "metric": METRIC, "margin": 0.05, "factors": ["masking"],
}  # fmt: skip
NOISE = np.array([0.011, -0.007, 0.003, -0.012, 0.009])


def study_of(claims=(CLAIM,), **more):
    """Arms bert, dynamic and the control quarter, five seeds."""
    plain = {"name": "x", "question": "q", "baseline": "bert", "arms": ["bert", "dynamic", "quarter"],
             "control": "quarter", "seeds": 5, "claims": [dict(c) for c in claims]}  # fmt: skip
    return read_study(plain | more)


def write_arm(folder, arm, level, *, noise=NOISE, changes=None, seeds=range(5), metrics=None, **more):
    """A run per seed, whose loss is the level and a little noise."""
    for seed in seeds:
        measured = {METRIC: level + float(noise[seed % 5]), **(metrics or {})}
        write_run(folder, arm, seed, measured, changes=changes, **more)


def rewrite(folder, arm, level, **more):
    """Other runs in place of the arm's."""
    for path in sorted((folder / arm).glob("seed-*/*")):
        path.unlink()
    for path in (folder / arm).glob("seed-*"):
        path.rmdir()
    write_arm(folder, arm, level, noise=NOISE[::-1], **more)


def verdict(folder, study=None):
    """The first claim, judged."""
    judged = api.judge(folder, study or study_of())
    return judged.claims[0]
