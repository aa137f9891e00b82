"""The end of a run, for a person to read."""

from rich.table import Table

from ablate.runs.record import Record

PLATEAU = 0.5  # nats below the unigram loss under which a model knows little beyond word frequencies


def summary(record: Record) -> Table:
    """A two-column table: what the model learnt, then what it cost."""
    m = record.metrics
    table = Table(title=f"{record.study}/{record.arm}, seed {record.seed}: {record.status}", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for label, text in (*_learnt(m), *_cost(m)):
        table.add_row(label, text)
    return table


def _learnt(m: dict[str, float]) -> list[tuple[str, str]]:
    if "val/mlm_loss" not in m:
        return []
    rows = [
        ("held-out MLM loss", f"{m['val/mlm_loss']:.4f} nats"),
        ("unigram loss (the plateau)", f"{m['val/unigram_loss']:.4f} nats"),
        ("held-out MLM accuracy", f"{100 * m['val/mlm_accuracy']:.1f} %"),
        ("perplexity", f"{m['val/perplexity']:,.1f}"),
        ("bits per character", f"{m['val/bits_per_char']:.3f}"),
    ]
    if "val/nsp_accuracy" in m:
        rows.append(("next-sentence accuracy", f"{100 * m['val/nsp_accuracy']:.1f} %"))
    return rows


def _cost(m: dict[str, float]) -> list[tuple[str, str]]:
    taught = (
        [("teacher's share of that", f"{100 * m['train/teacher_share']:.0f} %")] if "train/teacher_share" in m else []
    )
    return [
        ("tokens (epochs)", f"{m['train/tokens']:,.0f} ({m['train/epochs']:.2f})"),
        ("updates", f"{m['train/updates']:,.0f}"),
        ("training time", f"{m['train/seconds']:,.1f} s"),
        *taught,
        ("throughput", f"{m['train/tokens_per_s']:,.0f} tokens/s"),
        ("training compute", f"{m['train/flops']:.3g} FLOPs"),
        ("parameters", f"{m['params']:,.0f}"),
        ("peak memory", f"{m['train/peak_memory_mb']:,.0f} MB"),
    ]


def plateau_warning(record: Record) -> str | None:
    """A sentence where the model is less than half a nat below the unigram loss, where every recipe looks the same."""
    m = record.metrics
    if "val/mlm_loss" not in m:
        return None
    gain = m["val/unigram_loss"] - m["val/mlm_loss"]
    if gain >= PLATEAU:
        return None
    return (
        f"warning: the model ends {gain:.2f} nats below the unigram loss: it has learnt little beyond word "
        "frequencies, and at this point every recipe looks the same; train longer before comparing arms"
    )
