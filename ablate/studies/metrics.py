"""The names that metrics have, and which way is better."""

import difflib
import re
from collections.abc import Iterable

from ablate.errors import UserError
from ablate.evaluation.means import EMBEDDED, GLUE, is_mean

_FORMAT = r"[a-z0-9_]+"
_TASK = r"[a-z][a-z0-9_-]*"
_SCORE = r"(accuracy|f1|mcc|pearson|spearman|macro_f1|exact_match)"
LOWER = (
    r"(val|teacher)/mlm_loss",
    r"val/mlm_loss/(masked|random|kept)",
    rf"val/{_FORMAT}/mlm_loss",
    r"val/perplexity",
    r"val/bits_per_char",
    r"params",
    r"params_no_embeddings",
    r"flops_per_token",
    r"latency_ms(/.+)?",
    r"train/(seconds|flops|tokens|peak_memory_mb|teacher_flops|teacher_share)",
)
HIGHER = (
    r"(val|teacher)/mlm_accuracy",
    r"val/nsp_accuracy",
    rf"(probe/)?{_TASK}/{_SCORE}(/median|/ft-[0-9]+)?",
    r"(probe/)?embedded/mean(_[a-z0-9_]+)?",
    r"(probe/)?glue/mean_[a-z0-9_]+",
    r"train/tokens_per_s",
)
EXAMPLES = (
    "val/mlm_loss", "val/full_sentences/mlm_loss", "val/mlm_accuracy", "val/perplexity", "val/bits_per_char",
    "embedded/mean", "embedded/mean_single", "embedded/mean_pair", "probe/topic/accuracy", "sst2/accuracy", "cola/mcc",
    "stsb/pearson", "glue/mean_8", "params", "flops_per_token", "latency_ms", "train/seconds", "train/tokens_per_s",
)  # fmt: skip


def is_better_higher(metric: str, *, stated: bool | None = None) -> bool:
    """Whether a larger value of the metric is better: known by its name, or as the claim states it.

    Raises:
        UserError: an unknown name without a statement, or a statement against what is known.
    """
    known = _known(metric)
    if known is None and stated is None:
        near = difflib.get_close_matches(metric, EXAMPLES, n=3, cutoff=0.5)
        nearest = f"; nearest: {', '.join(near)}" if near else ""
        raise UserError(
            f"metric={metric}: unknown{nearest}; a metric of your own needs higher_is_better: true or false"
        )
    if None not in (known, stated) and known != stated:
        better = "higher" if known else "lower"
        raise UserError(f"metric={metric}: {better} is better, higher_is_better={str(stated).lower()} says otherwise")
    return bool(stated if known is None else known)


def is_known(metric: str) -> bool:
    """Whether it is the name of a metric of ours."""
    return _known(metric) is not None


def example_task(metric: str) -> tuple[str, str] | None:
    """Task and score of a metric with a prediction per example, such as `sst2/accuracy`; None for means and losses.

    The task of a probe is `probe/<task>`, as under predictions/.
    """
    found = re.fullmatch(rf"((?:probe/)?({_TASK}))/(accuracy|f1|mcc)", metric)
    return (found[1], found[3]) if found and found[2] not in ("embedded", "glue", "val", "train", "probe") else None


def parts_behind(metric: str, parts: Iterable[str]) -> list[str]:
    """Which of the questions that runs have answered (`val`, `<task>`, `probe/<task>`) a metric comes from."""
    probe = "probe/" if metric.startswith("probe/") else ""
    of, _, score = metric.removeprefix(probe).partition("/")
    if is_mean(metric):
        tasks: Iterable[str] = EMBEDDED if of == "embedded" else GLUE
        return [part for part in parts if part in {f"{probe}{task}" for task in tasks}]
    if not score:
        return [part for part in parts if part == "efficiency"]
    # a task of several test sets calls them by its name and more (mnli, mnli_mm); another task may be called so, too
    named = [part for part in parts if f"{probe}{of}" == part or f"{probe}{of}".startswith(f"{part}_")]
    return sorted(named, key=len)[-1:]


def majority_of(metric: str) -> str:
    """The name of the metric's majority baseline: one for the mean, the median and each seed of a fine-tuned score."""
    return f"{re.sub(r'/(median|ft-[0-9]+)$', '', metric)}/majority"


def _known(metric: str) -> bool | None:
    if any(re.fullmatch(pattern, metric) for pattern in LOWER):
        return False
    if any(re.fullmatch(pattern, metric) for pattern in HIGHER):
        return True
    return None
