"""A study of the size and shape of a real one, without training: `nsp` with curves, configs and a diverged run."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from synthetic_runs import write_run

from ablate.config.studies import named_study
from ablate.studies.registration import register
from ablate.studies.study import Study

PAIRS = {"_target_": "ablate.data.formats.sentence_pair", "pairs": True, "length": 32}
PACKED = {"_target_": "ablate.data.formats.full_sentences", "pairs": False, "length": 32}
NO_NSP = {"nsp": False, "loss.nsp": False}
ARMS: dict[str, tuple[dict[str, Any], float, float]] = {  # changes, embedded/mean, held-out loss in nats
    "bert": ({}, 0.742, 4.31),
    "no_nsp": (NO_NSP, 0.751, 4.24),
    "sentence_pair": ({"input": PAIRS}, 0.718, 4.52),
    "sentence_pair_no_nsp": ({"input": PAIRS, **NO_NSP}, 0.721, 4.47),
    "full_sentences": ({"input": PACKED, **NO_NSP, "model.token_types": False}, 0.756, 4.19),
    "doc_sentences": ({"input": PACKED | {"inside": True}, **NO_NSP, "model.token_types": False}, 0.755, 4.20),
    "budget_d4": ({"budget.amount": 1_000_000}, 0.655, 5.35),
}
TASKS = ("topic", "word_swap", "pair_match", "sentence_order")


def write_nsp(folder: Path, *, seeds: int = 5, diverged: tuple[str, int] | None = ("no_nsp", 3)) -> Study:
    """A registered study folder whose runs are all there; one of them diverged."""
    study = named_study("nsp", [f"study.seeds={seeds}"])
    register(folder, study, asked={arm: range(seeds) for arm in study.arms})
    for arm, (changes, score, loss) in ARMS.items():
        for seed in range(seeds):
            status = "diverged" if (arm, seed) == diverged else "ok"
            write_arm_run(folder, arm, seed, changes=changes, score=score, loss=loss, status=status)
    return study


def fix_registration(folder: Path) -> None:
    """Replace what differs from one machine and moment to the next in study.json."""
    path = folder / "study.json"
    plain = json.loads(path.read_text())
    same = {"registered": "2029-12-31T00:00:00+00:00", "git_sha": "0" * 40, "git_dirty": False}
    same["command"] = ["ablate", "-m", "+study=nsp", "hydra.sweep.dir=/somewhere/else"]
    path.write_text(json.dumps({**plain, "entries": [entry | same for entry in plain["entries"]]}))


def write_arm_run(
    folder: Path, arm: str, seed: int, *, changes: dict[str, Any], score: float, loss: float, status: str = "ok"
) -> Path:
    """One run with metrics, a curve and the part of its config that reports read."""
    random = np.random.default_rng([seed, sum(map(ord, arm))])
    common = np.random.default_rng(seed).normal(0, 0.012)  # what the arms of a seed share
    amount = int(changes.get("budget.amount", 4_000_000))
    what = {"budget.amount": amount, **changes}
    metrics = _metrics(score + common + random.normal(0, 0.003), loss - 4 * common, amount, random)
    directory = write_run(folder, arm, seed, metrics, changes=what, status=status)
    (directory / ".hydra").mkdir()
    (directory / ".hydra" / "config.yaml").write_text("scale: {name: laptop}\ndata: {name: pydocs}\n")
    _write_curve(directory / "metrics.csv", loss - 4 * common, amount, random)
    return directory


def _metrics(score: float, loss: float, amount: int, random: np.random.Generator) -> dict[str, float]:
    tasks = {f"{task}/accuracy": score + 0.02 * i - 0.03 + random.normal(0, 0.004) for i, task in enumerate(TASKS)}
    values = list(tasks.values())
    seconds = amount / 15_000 * random.uniform(0.97, 1.03)
    return {
        **tasks, "embedded/mean": sum(values) / 4, "embedded/mean_single": sum(values[:2]) / 2,
        "embedded/mean_pair": sum(values[2:]) / 2, "val/mlm_loss": loss, "val/unigram_loss": 5.92,
        "val/mlm_accuracy": 0.62 - loss / 14, "val/perplexity": math.exp(loss), "val/bits_per_char": loss / 3.1,
        "val/segment_pair/mlm_loss": loss + 0.02, "val/full_sentences/mlm_loss": loss - 0.03,
        "params": 3_412_480.0, "params_no_embeddings": 1_315_328.0, "flops_per_token": 9.4e6, "latency_ms": 3.1,
        "train/tokens": float(amount + random.integers(0, 900)), "train/updates": amount // 2048,
        "train/seconds": seconds,
        "train/flops": amount * 1.1e7, "train/masked_predictions": amount * 0.15,
        "train/distinct_tokens": min(amount, 3_600_000), "train/epochs": amount / 3_600_000,
        "train/tokens_per_s": amount / seconds, "train/peak_memory_mb": 812.0,
    }  # fmt: skip


def _write_curve(path: Path, loss: float, amount: int, random: np.random.Generator) -> None:
    lines = ["step,tokens,seconds,train/loss,train/mlm_loss,val/mlm_loss,lr\n"]
    for i in range(1, 41):
        share = i / 40
        value = loss + (9.0 - loss) * math.exp(-5 * share) + random.normal(0, 0.03)
        held_out = f"{value + 0.05!r}" if i % 4 == 0 else ""
        rate = 0.001 * min(share / 0.06, 1 - share)
        tokens = share * amount
        lines.append(
            f"{int(tokens) // 2048},{tokens!r},{tokens / 15_000!r},{value + 0.4!r},{value!r},{held_out},{rate!r}\n"
        )
    path.write_text("".join(lines))
