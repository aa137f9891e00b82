"""Holm against statsmodels and by hand."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from ablate.stats.multiplicity import holm, simultaneous_level


def test_by_hand() -> None:
    p = np.array([0.04, 0.01, 1.0, 0.02])
    np.testing.assert_allclose(holm(p), [0.08, 0.04, 1.0, 0.06])
    # a p that steps back is carried forward
    np.testing.assert_allclose(holm(np.array([0.01, 0.011])), [0.02, 0.02])


@pytest.mark.parametrize("m", [1, 2, 7, 30])
def test_statsmodels_agrees_row_by_row(m: int) -> None:
    p = np.random.default_rng(m).uniform(size=(3, m)) ** 3
    expected = [multipletests(row, method="holm")[1] for row in p]
    np.testing.assert_allclose(holm(p), expected, rtol=1e-12)


def test_no_claims() -> None:
    assert holm(np.array([])).size == 0


def test_claims_that_cannot_be_tested_count() -> None:
    assert holm(np.array([0.02]))[0] == pytest.approx(0.02)
    assert holm(np.array([0.02, 1.0, 1.0]))[0] == pytest.approx(0.06)


def test_the_simultaneous_level_is_bonferroni_s() -> None:
    assert simultaneous_level(alpha=0.05, num_claims=1) == pytest.approx(0.9)
    assert simultaneous_level(alpha=0.05, num_claims=5) == pytest.approx(0.98)
