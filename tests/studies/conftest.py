"""A folder of runs with a planted effect."""

import pytest
from synthetic_claim import NOISE, study_of, write_arm

from ablate.studies.registration import register


@pytest.fixture
def folder(tmp_path):
    """bert at 4 nats, dynamic at 3.5, the control at 5, registered before."""
    made = tmp_path / "x"
    register(made, study_of(), asked={"bert": range(5)})
    write_arm(made, "bert", 4.0)
    write_arm(made, "dynamic", 3.5, noise=NOISE[::-1], changes={"masking.copies": None})
    write_arm(made, "quarter", 5.0, noise=NOISE**2, changes={"budget.amount": 5120})
    return made
