"""One run, top to bottom: find or skip, data, model, fit, evaluate, record. The last place that reads cfg."""

import contextlib
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from ablate.config import build
from ablate.config.science import digest, evaluation_id, identity
from ablate.data.corpus import Corpus
from ablate.data.hashing import stream
from ablate.data.module import PretrainingData
from ablate.evaluation.mlm import Evaluation
from ablate.models.cost import count_parameters, training_flops
from ablate.models.encoder import Encoder
from ablate.models.folder import save_folder
from ablate.runs.directory import Place, check_same_run, find, held, write_before
from ablate.runs.log import RunLog
from ablate.runs.record import Record, write_result
from ablate.runs.summary import plateau_warning, summary
from ablate.training.callbacks.meter import Meter
from ablate.training.divergence import Diverged
from ablate.training.fit import Execution, choose_device, peak_memory_mb
from ablate.training.module import Pretraining
from ablate.training.precision import resolve as resolve_precision
from ablate.training.pretrain import Pretrained, pretrain
from ablate.training.quiet import quieten


def run(cfg: DictConfig, place: Place, *, roots: list[Path]) -> Record:
    """Run one arm with one seed, or find it finished; returns its record.

    Raises:
        UserError: what was asked for cannot be run; one line says why.
    """
    quieten()
    device = choose_device(cfg.trainer.accelerator)
    torch.set_num_threads(cfg.trainer.threads or torch.get_num_threads())
    corpus = build.build_corpus(cfg, place.root)
    execution = Execution(
        device=device, precision=resolve_precision(cfg.trainer.precision, device),
        accumulate=cfg.trainer.accumulate, clip=cfg.optim.clip,
    )  # fmt: skip
    what = identity(cfg, fingerprint=corpus.fingerprint, corpus=corpus.key, precision=execution.precision)
    run_id, asked = digest(what), evaluation_id(cfg, fingerprint=corpus.fingerprint)
    with held(place.directory), contextlib.closing(RunLog()) as log:
        check_same_run(place.directory, run_id, what)
        record = find(place, run_id, roots=roots, notice=log)
        if record is not None and record.evaluation_id == asked:
            log(f"{place.directory}: finished, skipped")
            return record
        config = OmegaConf.to_yaml(cfg, resolve=True)
        write_before(
            place.directory, config=config, run_id=run_id, what=what, fingerprint=corpus.fingerprint, device=device
        )
        log.open(place.directory / "run.log")
        if record is None:
            log(f"{place.study}/{place.arm}, seed {place.seed}: run {run_id} on {corpus.name} in {place.directory}")
            record = train(cfg, place, corpus, execution, run_id=run_id, asked=asked, log=log)
        else:
            record = evaluate_again(cfg, place, record, corpus, execution, asked=asked, log=log)
        write_result(place.directory, record)
        shutil.rmtree(place.directory / "checkpoints", ignore_errors=True)
        log(summary(record) if record.status == "ok" else f"diverged: {record.reason}")
        log(plateau_warning(record) or f"everything about this run: {place.directory}")
    return record


def train(
    cfg: DictConfig, place: Place, corpus: Corpus, execution: Execution, *, run_id: str, asked: str, log: RunLog
) -> Record:
    """Train, evaluate, keep the model and its predictions; a diverged run is a record too."""
    model = build.build_model(cfg, corpus, execution.device)
    data = build.build_data(cfg, corpus)
    evaluation = build.build_evaluation(cfg, corpus, execution.precision)
    budget = build.build_budget(cfg, model, data)
    meter = Meter(budget)
    schedule = build.make(cfg, "schedule")
    module = Pretraining(
        model=model, objective=build.make(cfg, "loss")(), optimizer=build.make(cfg, "optim"),
        accumulate=execution.accumulate, factor=lambda update: schedule(budget.progress(update, meter.seconds)),
    )  # fmt: skip
    names: dict[str, Any] = {
        "run_id": run_id,
        "study": place.study,
        "arm": place.arm,
        "seed": place.seed,
        "evaluation_id": asked,
    }
    try:
        used, curve = pretrain(
            module, data, budget=budget, execution=execution, directory=place.directory, meter=meter,
            dropout_stream=stream(cfg.seed, "dropout", replicate=cfg.replicate),
            uniform_loss=math.log(corpus.vocabulary.size) + (math.log(2) if cfg.nsp else 0.0),
            evaluate=evaluation.curve if evaluation else None, every_tokens=cfg.eval.every_tokens,
            log_every=cfg.trainer.log_every, checkpoint_minutes=cfg.trainer.checkpoint_minutes, log=log,
            loggers=build.build_loggers(cfg, place, run_id=run_id), name=f"{place.arm} {place.seed}",
            progress=cfg.trainer.progress,
        )  # fmt: skip
    except Diverged as diverged:
        return Record(**names, status="diverged", reason=str(diverged), metrics={})
    learnt = evaluate(model, evaluation, cfg, corpus, place.directory)
    curve.finish(learnt, updates=used.updates)
    save_folder(model, corpus.tokenizer_path, place.directory / "model", token_types=cfg.input.pairs)
    metrics = learnt | cost(model, used, data, cfg) | {"train/peak_memory_mb": peak_memory_mb(execution.device)}
    return Record(**names, status="ok", reason="", metrics=metrics)


def evaluate(
    model: Encoder, evaluation: Evaluation | None, cfg: DictConfig, corpus: Corpus, directory: Path
) -> dict[str, float]:
    """Every held-out metric, and a user's own; writes predictions/."""
    metrics: dict[str, float] = {}
    if evaluation is not None:
        metrics, frames = evaluation.final(model)
        (directory / "predictions").mkdir(exist_ok=True)
        for name, frame in frames.items():
            frame.to_parquet(directory / "predictions" / f"{name}.parquet", index=False)
    for metric in build.build_metrics(cfg):
        metrics |= metric(model, corpus)
    return metrics


def evaluate_again(
    cfg: DictConfig, place: Place, record: Record, corpus: Corpus, execution: Execution, *, asked: str, log: RunLog
) -> Record:
    """Ask a finished run the present questions without training it again."""
    if record.status != "ok":
        return record
    trained = Path(record.shared_from) if record.shared_from else place.directory
    log(f"{place.directory}: finished; evaluating {trained / 'model'} anew, because eval has changed")
    model = build.build_model(cfg, corpus, execution.device)
    model.load(trained / "model")
    evaluation = build.build_evaluation(cfg, corpus, execution.precision)
    learnt = evaluate(model.to(execution.device), evaluation, cfg, corpus, place.directory)
    return record.evaluated(learnt, evaluation_id=asked)


def cost(model: Encoder, used: Pretrained, data: PretrainingData, cfg: DictConfig) -> dict[str, Any]:
    """What the run used, under the names of design.md; FLOPs count the predictions that were really made."""
    parameters, without_embeddings = count_parameters(model)
    plan = data.batches.plan
    encoder, head = model.forward_flops(length=build.mean_length(data))
    return {
        "params": parameters,
        "params_no_embeddings": without_embeddings,
        "flops_per_token": build.flops_per_token(cfg, model, build.mean_length(data)),
        "train/tokens": used.tokens,
        "train/updates": used.updates,
        "train/flops": training_flops(used.tokens * encoder + used.masked_predictions * head),
        "train/seconds": used.seconds,
        "train/tokens_per_s": used.tokens / max(used.seconds, 1e-9),
        "train/masked_predictions": used.masked_predictions,
        "train/padded_positions": used.padded_positions - used.tokens,
        "train/distinct_tokens": min(used.tokens, plan.epoch_tokens),
        "train/epochs": used.tokens / plan.epoch_tokens,
    }
