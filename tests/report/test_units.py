"""Names and units of metrics, and numbers as people read them."""

import pytest

from ablate.report.units import label_of, name_of, short_number, spread_number, unit_of


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        ("val/mlm_loss", "held-out loss, nats"),
        ("val/full_sentences/mlm_loss", "held-out loss in full sentences format, nats"),
        ("sst2/accuracy", "sst2 accuracy, 0 to 1"),
        ("probe/cola/mcc", "cola Matthews correlation, probe, 0 to 1"),
        ("glue/mean_cola_rte", "glue mean cola rte, 0 to 1"),
        ("latency_ms", "latency of one input, ms"),
        ("params", "parameters"),
        ("<my> metric", "<my> metric"),
    ],
)
def test_labels(metric, label):
    assert label_of(metric) == label


def test_unknown_metrics_keep_their_name_and_have_no_unit():
    assert (name_of("mine"), unit_of("mine")) == ("mine", "")


def test_numbers():
    assert [short_number(x) for x in (0.03, 512, 20480, 3.2e6, 5e10, 6e13, float("inf"))] == [
        "0.03", "512", "20.5 k", "3.2 M", "50 G", "60 T", "inf",
    ]  # fmt: skip
    assert spread_number(0.01234567, like=0.01) == "0.012"
    assert spread_number(72.486, like=0.86) == "72.49"
    assert spread_number(1234.5, like=300) == "1234"
    assert spread_number(3.0, like=0.0) == "3"
