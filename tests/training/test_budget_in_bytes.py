"""Two tokenizers with a budget in bytes: real runs that read the same text."""

import pytest


@pytest.mark.parametrize("multiple", [1, 0.5])
def test_two_tokenizers_read_the_same_text(run_tiny, multiple):
    asked = ("budget=bytes", f"budget.multiple={multiple}", "eval=none", "scale.tokens=16384")
    sizes = {"cased": 160, "byte_bpe": 300}
    records = {arm: run_tiny(*asked, f"+exp={arm}", f"tokenizer.vocab_size={size}")[0] for arm, size in sizes.items()}
    epochs, updates, tokens = (
        {arm: record.metrics[f"train/{name}"] for arm, record in records.items()}
        for name in ("epochs", "updates", "tokens")
    )
    one_update = max(epochs[arm] / updates[arm] for arm in epochs)
    assert abs(epochs["cased"] - epochs["byte_bpe"]) <= 2 * one_update
    assert abs(tokens["cased"] - tokens["byte_bpe"]) > 0.02 * tokens["cased"]  # which equal tokens would not have done
