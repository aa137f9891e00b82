"""What metrics are called and measured in, where people read them."""

import math
import re

LOSS, SHARE, RATIO = "nats", "0 to 1", "ratio"
_NAMES = {
    "val/mlm_loss": ("held-out loss", LOSS),
    "val/mlm_loss/masked": ("held-out loss under [MASK]", LOSS),
    "val/mlm_loss/random": ("held-out loss under a random token", LOSS),
    "val/mlm_loss/kept": ("held-out loss at tokens left as they are", LOSS),
    "val/mlm_accuracy": ("held-out accuracy", SHARE),
    "val/nsp_accuracy": ("next-sentence accuracy", SHARE),
    "val/perplexity": ("held-out perplexity", ""),
    "val/bits_per_char": ("held-out bits per character", "bits"),
    "train/loss": ("training loss", LOSS),
    "embedded/mean": ("mean of the embedded tasks", SHARE),
    "embedded/mean_single": ("mean of the single-sentence tasks", SHARE),
    "embedded/mean_pair": ("mean of the pair tasks", SHARE),
    "probe/embedded/mean": ("mean of the embedded tasks, probe", SHARE),
    "glue/mean_8": ("GLUE mean of 8 tasks", SHARE),
    "glue/mean_9_with_wnli": ("GLUE mean of 9 tasks", SHARE),
    "params": ("parameters", ""),
    "params_no_embeddings": ("parameters without embeddings", ""),
    "flops_per_token": ("FLOPs per token", ""),
    "latency_ms": ("latency of one input", "ms"),
    "train/seconds": ("training time", "s"),
    "train/tokens": ("training tokens", ""),
    "train/tokens_per_s": ("training speed", "tokens/s"),
    "train/flops": ("training FLOPs", ""),
    "train/peak_memory_mb": ("peak memory", "MB"),
    "train/distinct_tokens": ("distinct training tokens", ""),
}
_SCORES = {"mcc": "Matthews correlation", "f1": "F1", "macro_f1": "macro F1", "exact_match": "exact match"}


def name_of(metric: str) -> str:
    """The metric in words; its own name where there are none: `held-out loss`, `sst2 accuracy`."""
    if metric in _NAMES:
        return _NAMES[metric][0]
    if found := re.fullmatch(r"val/([a-z0-9_]+)/mlm_loss", metric):
        return f"held-out loss in {found[1].replace('_', ' ')} format"
    if found := re.fullmatch(r"(probe/)?([^/]+)/([^/]+)", metric):
        score = _SCORES.get(found[3], found[3].replace("_", " "))
        return f"{found[2]} {score}" + (", probe" if found[1] else "")
    return metric


def unit_of(metric: str) -> str:
    """The metric's unit: `nats`, `0 to 1` for scores, `ms`; empty where it has none or it is not known."""
    if metric in _NAMES:
        return _NAMES[metric][1]
    if metric.endswith("/mlm_loss"):
        return LOSS
    known = r".*/(accuracy|f1|mcc|pearson|spearman|macro_f1|exact_match)|(probe/)?(embedded|glue)/mean.*"
    return SHARE if re.fullmatch(known, metric) else ""


def effect_unit(kind: str, metric: str) -> str:
    """The unit to print behind an effect: none behind a ratio of times or a difference of scores."""
    return "" if kind == "speed" else unit_of(metric).replace(SHARE, "")


def label_of(metric: str) -> str:
    """An axis label: `held-out loss, nats`."""
    unit = unit_of(metric)
    return f"{name_of(metric)}, {unit}" if unit else name_of(metric)


def short_number(value: float) -> str:
    """Three significant digits with a letter for thousands: `3.2 M`, `0.03`, `20.5 k`."""
    if not math.isfinite(value):
        return str(value)
    for size, letter in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def spread_number(value: float, *, like: float) -> str:
    """A value with as many decimals as a spread of that size deserves: two of its digits, at most six decimals."""
    if not like or not math.isfinite(like):
        return f"{value:.4g}"
    decimals = min(max(1 - math.floor(math.log10(abs(like))), 0), 6)
    return f"{value:.{decimals}f}"
