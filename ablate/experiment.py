"""One run, top to bottom: find or skip, data, model, fit, evaluate, record. The last place that reads cfg."""

import contextlib
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from ablate.config import build
from ablate.config.compose import without_hydra
from ablate.config.downstream import build_asked, build_subject
from ablate.config.packing import Planned
from ablate.config.reference import predicted_share, uses_logits
from ablate.config.science import digest, evaluation_id, identity
from ablate.config.teaching import (
    Taught,
    TeacherMissing,
    asks_teacher,
    build_teacher,
    find_teacher,
    measured_teacher,
    teacher_identity,
)
from ablate.data.corpus import Corpus
from ablate.data.hashing import stream
from ablate.data.module import PretrainingData
from ablate.errors import UserError
from ablate.evaluation.kept import keep_answers, read_answers
from ablate.evaluation.run import Asked, Known, evaluate
from ablate.evaluation.table import downstream_table
from ablate.models.cost import count_parameters, training_flops
from ablate.models.encoder import Encoder
from ablate.models.folder import save_folder
from ablate.objectives.teacher import Teacher, teacher_flops
from ablate.runs.directory import Place, check_same_run, find, held, write_before, write_config
from ablate.runs.log import RunLog
from ablate.runs.record import Record, write_result
from ablate.runs.summary import plateau_warning, summary
from ablate.runs.trained import trained_in
from ablate.training.callbacks.meter import Meter
from ablate.training.fit import Execution, choose_device, forget_peak_memory, peak_memory_mb
from ablate.training.memory import keep_freed_memory
from ablate.training.module import Pretraining
from ablate.training.precision import resolve_numerics
from ablate.training.pretrain import DivergedAfter, Pretrained, pretrain
from ablate.training.quiet import quieten


def run(job: Planned, *, roots: list[Path]) -> Record:
    """Run one arm with one seed, or find it finished; returns its record.

    Raises:
        UserError: what was asked for cannot be run; one line says why.
        TeacherMissing: it is a student, and its teacher's run is not finished.
    """
    quieten()
    cfg, place = job.cfg, job.place
    device = choose_device(cfg.trainer.accelerator)
    if cfg.trainer.keep_memory:
        keep_freed_memory()
    torch.set_num_threads(cfg.trainer.threads or torch.get_num_threads())
    corpus = build.build_corpus(cfg, place.root)
    execution = Execution(
        device=device, numerics=resolve_numerics(cfg.trainer.precision, cfg.trainer.dropout_bits, device),
        accumulate=cfg.trainer.accumulate, clip=cfg.optim.clip,
    )  # fmt: skip
    named: dict[str, Any] = {"fingerprint": corpus.fingerprint, "corpus": corpus.key, "numerics": execution.numerics}
    what = identity(cfg, **named, teacher=teacher_identity(job, **named))
    run_id, evaluation = digest(what), evaluation_id(cfg, fingerprint=corpus.fingerprint)
    with held(place.directory), contextlib.closing(RunLog()) as log:
        check_same_run(place.directory, run_id, what)
        record = find(place, run_id, roots=roots, notice=log)
        taught = find_teacher(job, corpus, numerics=execution.numerics, roots=roots) if record is None else None
        config = OmegaConf.to_yaml(without_hydra(cfg), resolve=True)
        if record is not None and record.evaluation_id == evaluation:
            if not (place.directory / ".hydra" / "config.yaml").exists():  # shared a moment ago
                write_config(place.directory, config)
            log(f"{place.directory}: finished, skipped")
            return record
        write_before(
            place.directory, config=config, run_id=run_id, what=what, fingerprint=corpus.fingerprint, device=device
        )
        log.open(place.directory / "run.log")
        if record is None:
            log(f"{place.study}/{place.arm}, seed {place.seed}: run {run_id} on {corpus.name} in {place.directory}")
            record = train(cfg, place, corpus, execution, taught, run_id=run_id, evaluation=evaluation, log=log)
        else:
            with contextlib.suppress(TeacherMissing):  # whose loss on the new questions is then not known
                taught = find_teacher(job, corpus, numerics=execution.numerics, roots=roots)
            record = evaluate_again(cfg, place, record, corpus, execution, taught, evaluation=evaluation, log=log)
        write_result(place.directory, record)
        shutil.rmtree(place.directory / "checkpoints", ignore_errors=True)
        log(summary(record) if record.status == "ok" else f"diverged: {record.reason}")
        scores = downstream_table(record.metrics, title="downstream")
        if scores is not None:
            log(scores)
        log(plateau_warning(record) or f"everything about this run: {place.directory}")
    return record


def train(
    cfg: DictConfig, place: Place, corpus: Corpus, execution: Execution, taught: Taught | None, *, run_id: str,
    evaluation: str, log: RunLog,
) -> Record:  # fmt: skip
    """Train, evaluate, keep the model and its predictions; a diverged run is a record too."""
    forget_peak_memory(execution.device)
    asked = build_asked(cfg, corpus, execution.numerics.precision)
    asked.check(log)
    teacher = build_teacher(cfg, corpus, execution, taught)
    of_teacher = measured_teacher(teacher, asked.mlm, untrained=cfg.teacher.untrained, notice=log)
    model = build.build_model(
        cfg, corpus, execution.device, teacher=teacher.model if teacher else None,
        dropout_bits=execution.numerics.dropout_bits,
    )  # fmt: skip
    data = build.build_data(cfg, corpus)
    objective, uniform_loss = build.build_objective(cfg, corpus, model, teacher)
    budget = build.build_budget(cfg, model, data)
    meter = Meter(budget)
    schedule = build.make(cfg, "schedule")
    module = Pretraining(
        model=model, objective=objective, accumulate=execution.accumulate,
        optimizer=build.build_optimizer(cfg, execution.numerics.precision),
        factor=lambda update: schedule(budget.progress(update, meter.seconds)),
    )  # fmt: skip
    names: dict[str, Any] = {"run_id": run_id, "study": place.study, "arm": place.arm, "evaluation_id": evaluation}
    costs = partial(cost, model, data=data, cfg=cfg, teacher=teacher if asks_teacher(cfg) else None)
    with build.loggers(cfg, place, run_id=run_id) as loggers:
        try:
            used, curve = pretrain(
                module, data, budget=budget, execution=execution, directory=place.directory, meter=meter,
                dropout_stream=stream(cfg.seed, "dropout", replicate=cfg.replicate),
                uniform_loss=uniform_loss,
                evaluate=asked.mlm.curve if asked.mlm else None, every_tokens=cfg.eval.every_tokens,
                log_every=cfg.trainer.log_every, checkpoint_minutes=cfg.trainer.checkpoint_minutes, log=log,
                loggers=loggers, name=f"{place.arm} {place.seed}", progress=cfg.trainer.progress,
            )  # fmt: skip
        except DivergedAfter as diverged:
            spent = costs(diverged.used)
            return Record(**names, seed=place.seed, status="diverged", reason=str(diverged), metrics=spent)
        trained = {"run_id": run_id, "updates": used.updates, "seconds": used.seconds}
        learnt = answers(model, cfg, corpus, execution, asked, place.directory, trained=trained, log=log)
        curve.finish({k: v for k, v in learnt.metrics.items() if k.startswith("val/")}, updates=used.updates)
    save_folder(
        model, corpus.tokenizer_path, place.directory / "model", token_types=build.has_token_types(cfg),
        length=cfg.input.length,
    )  # fmt: skip
    metrics = learnt.metrics | of_teacher | costs(used)
    metrics |= {"train/peak_memory_mb": peak_memory_mb(execution.device)}
    return Record(
        **names, seed=place.seed, status="ok", reason="", metrics=metrics, evaluations=learnt.evaluations
    )  # fmt: skip


def answers(
    model: Encoder, cfg: DictConfig, corpus: Corpus, execution: Execution, asked: Asked, directory: Path, *,
    trained: dict[str, object], log: RunLog,
) -> Known:  # fmt: skip
    """Ask the model everything, or what is left where an evaluation of this very one (`trained`) was killed."""
    unfinished, subject = directory / "checkpoints", build_subject(model, cfg, corpus, execution.numerics.precision)
    return evaluate(
        model, subject, asked, corpus, directory, known=read_answers(unfinished, trained=trained),
        keep=partial(keep_answers, unfinished, trained=trained), notice=log,
    )  # fmt: skip


def evaluate_again(
    cfg: DictConfig, place: Place, record: Record, corpus: Corpus, execution: Execution, taught: Taught | None, *,
    evaluation: str, log: RunLog,
) -> Record:  # fmt: skip
    """Ask a finished run the present questions without training it again; its teacher, too, where it is there."""
    if record.status != "ok":
        return record
    trained = trained_in(place.directory, record)
    if not trained.is_dir():
        raise UserError(
            f"{place.directory}: its model is that of {trained}, which is no longer there; "
            f"delete {place.directory}, and the same command trains it"
        )
    log(f"{place.directory}: finished; asking {trained / 'model'} what is new in eval")
    precision = execution.numerics.precision
    model = build.build_model(cfg, corpus, execution.device, drawn=False)
    model.load(trained / "model")
    model.to(execution.device)
    asked = build_asked(cfg, corpus, precision)
    renewed = record.evaluations.get("val") != asked.mlm_id
    teacher = build_teacher(cfg, corpus, execution, taught) if renewed else None
    of_teacher = measured_teacher(teacher, asked.mlm, untrained="allow", notice=log)
    known = evaluate(
        model, build_subject(model, cfg, corpus, precision), asked, corpus, place.directory,
        known=Known(record.metrics, record.evaluations),
        keep=lambda known: write_result(
            place.directory, record.answered(known.metrics | of_teacher, known.evaluations)
        ),
        notice=log,
    )  # fmt: skip
    return record.answered(known.metrics | of_teacher, known.evaluations, evaluation_id=evaluation)


def cost(
    model: Encoder, used: Pretrained, data: PretrainingData, cfg: DictConfig, *, teacher: Teacher | None
) -> dict[str, Any]:
    """What the run used, under the names that reports read; FLOPs count the predictions that were really made."""
    parameters, without_embeddings = count_parameters(model)
    plan = data.batches.plan
    length = build.mean_length(data)
    encoder, head = model.forward_flops(length=length)
    predictions = used.tokens if predicted_share(cfg) == 1.0 else used.masked_predictions
    own = training_flops(used.tokens * encoder + predictions * head)
    of_teacher = 0.0 if teacher is None else teacher_flops(
        teacher, length=length, tokens=used.tokens, predictions=predictions if uses_logits(cfg) else 0
    )  # fmt: skip
    taught = {} if teacher is None else {"train/teacher_flops": of_teacher}
    if teacher is not None and teacher.timed:  # not where only the evaluation was left to do
        taught["train/teacher_share"] = teacher.seconds_per_call / used.seconds_per_call
    return {
        "params": parameters,
        "params_no_embeddings": without_embeddings,
        "flops_per_token": build.flops_per_token(cfg, model, length),
        "train/tokens": used.tokens,
        "train/updates": used.updates,
        "train/flops": own + of_teacher,
        "train/seconds": used.seconds,
        "train/tokens_per_s": used.tokens / max(used.seconds, 1e-9),
        "train/masked_predictions": used.masked_predictions,
        "train/padded_positions": used.padded_positions - used.tokens,
        "train/distinct_tokens": min(used.tokens, plan.epoch_tokens),
        "train/epochs": used.tokens / plan.epoch_tokens,
        **taught,
    }
