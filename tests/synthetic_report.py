"""Studies to draw and to set: runs with curves, scores and predictions, made to order, judged by the real judge."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from synthetic_runs import write_run

from ablate import api
from ablate.config.science import difference
from ablate.report.__main__ import build_parser
from ablate.report.__main__ import report as run_report
from ablate.report.material import Material
from ablate.runs.collect import collect
from ablate.runs.curves import read_curves
from ablate.studies.registration import register
from ablate.studies.study import Study, read_study

PAIRS = "ablate.data.formats.sentence_pair"
FULL = "ablate.data.formats.full_sentences"
NO_NSP = {"nsp": False, "loss.nsp": False}
TASKS = ("topic", "word_swap")

# an arm's held-out loss and what it changes of the baseline
ARMS: dict[str, tuple[float, dict[str, Any]]] = {
    "bert": (4.0, {}),
    "no_nsp": (3.95, NO_NSP),
    "sentence_pair": (4.4, {"input._target_": PAIRS}),
    "sentence_pair_no_nsp": (4.3, {"input._target_": PAIRS, **NO_NSP}),
    "full_sentences": (3.8, {"input._target_": FULL, "input.pairs": False, **NO_NSP}),
    "budget_d4": (5.0, {"budget.amount": 5120}),
    "budget_x2": (3.5, {"budget.amount": 40960}),
    "dynamic_masking": (3.9, {"masking.copies": None}),
    "small": (4.6, {"model.layers": 1}),
}
CLAIMS: list[dict[str, Any]] = [
    {"id": "nsp_not_needed", "says": "NSP is not needed", "source": "RoBERTa T2", "kind": "non_inferiority",
     "contrast": "no_nsp - bert", "metric": "embedded/mean", "margin": 0.02, "factors": ["nsp"],
     "published": [{"table": "RoBERTa T2", "row": "FULL-SENTENCES", "against": "SEGMENT-PAIR"}]},
    {"id": "single_hurts", "says": "single sentences hurt", "kind": "superiority", "contrast": "bert - sentence_pair",
     "metric": "val/mlm_loss", "factors": ["input"],
     "published": [{"table": "RoBERTa T3", "row": "bsz=2K", "against": "bsz=256", "metric": "perplexity"}]},
    {"id": "adds_up", "says": "the effects add up", "kind": "additivity", "margin": 0.03,
     "contrast": "sentence_pair_no_nsp - sentence_pair - no_nsp + bert", "metric": "embedded/mean",
     "factors": ["nsp", "input"]},
    {"id": "longer", "says": "longer is better", "kind": "trend", "contrast": ["budget_d4", "bert", "budget_x2"],
     "metric": "val/mlm_loss", "margin": 0.1, "factors": ["budget"]},
    {"id": "faster", "says": "half the layers are faster", "kind": "speed", "contrast": "bert / small",
     "metric": "latency_ms", "threshold": 1.2, "factors": ["model"]},
    {"id": "identity", "says": "KL is cross-entropy", "kind": "exact", "contrast": {"check": "kl_is_cross_entropy"}},
]  # fmt: skip


def study_of(*, arms: Mapping[str, Any] = ARMS, claims: list[dict[str, Any]] = CLAIMS, seeds: int = 5, **more) -> Study:
    plain = {"name": "made", "question": "Does it draw?", "baseline": "bert", "arms": list(arms), "seeds": seeds}
    return read_study({**plain, "control": "budget_d4", "claims": [dict(claim) for claim in claims], **more})


def write_study(folder: Path, study: Study, *, arms: Mapping[str, Any] = ARMS, curves: bool = True) -> None:
    """Register a study and write all of its runs: values are a function of arm and seed."""
    register(folder, study, asked=dict.fromkeys(study.arms, study.seeds))
    for arm, (loss, changes) in arms.items():
        for seed in study.seeds:
            noise = 0.03 * float(np.sin(7.3 * seed + sum(map(ord, arm))))
            directory = write_run(folder, arm, seed, _metrics(loss + noise, changes), changes=changes)
            if curves:
                _curve(directory, loss + noise, tokens=_tokens(changes))


def _tokens(changes: Mapping[str, Any]) -> float:
    return float(changes.get("budget.amount", 20480))


def _metrics(loss: float, changes: Mapping[str, Any]) -> dict[str, float]:
    score, tokens = 1.1 - 0.1 * loss, _tokens(changes)
    layers = changes.get("model.layers", 2)
    return {
        "val/mlm_loss": loss, "val/perplexity": float(np.exp(loss)), "embedded/mean": score, "topic/accuracy": score,
        "word_swap/accuracy": score - 0.1, "params": 1e6 * layers, "latency_ms": 1.5 * layers + 0.01 * loss,
        "train/tokens": tokens, "train/epochs": 12 * tokens / 20480, "train/distinct_tokens": 1700.0,
    }  # fmt: skip


def _curve(directory: Path, loss: float, *, tokens: float) -> None:
    share = np.linspace(0.1, 1.0, 10)
    pd.DataFrame(
        {"step": (share * tokens / 512).astype(int), "tokens": share * tokens, "seconds": share * tokens / 2048,
         "train/loss": loss + 4 * np.exp(-4 * share), "val/mlm_loss": loss + 3 * np.exp(-4 * share)}
    ).to_csv(directory / "metrics.csv", index=False)  # fmt: skip


def material_of(folder: Path, study: Study) -> Material:
    """What a report of the folder is made of."""
    judgement = api.judge(folder, study)
    place = {arm: i for i, arm in enumerate(study.arms)}
    runs = tuple(sorted((run for run in collect(folder) if run.arm in place), key=lambda r: (place[r.arm], r.seed)))
    curves = [
        read_curves(run.directory / "metrics.csv").assign(arm=run.arm, seed=run.seed)
        for run in runs
        if (run.directory / "metrics.csv").exists()
    ]
    recipes = {run.arm: {k: v for k, v in run.identity.items() if k != "seed"} for run in runs if run.identity}
    return Material(
        judgement=judgement, runs=runs, curves=pd.concat(curves) if curves else pd.DataFrame(), descriptions={},
        changes={arm: difference(recipes.get(study.baseline, {}), recipe) for arm, recipe in recipes.items()},
    )  # fmt: skip


def made(folder: Path, **more) -> Material:
    """A study that has data for nearly every figure and table."""
    study = study_of(**more)
    write_study(folder / "made", study, arms=more.get("arms", ARMS))
    return material_of(folder / "made", study)


def call(*arguments: object) -> int:
    """The report's command in this process; its exit code."""
    return run_report(build_parser().parse_intermixed_args([str(one) for one in arguments]))
