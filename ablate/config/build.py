"""From a composed config to the objects of a run: below here there is no cfg."""

import inspect
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger
from torch.optim import Optimizer

from ablate.config.naming import data_name, source_keys
from ablate.config.reference import predicted_share
from ablate.config.science import RECIPE_VERSION
from ablate.data.batches import Batches
from ablate.data.corpus import Corpus
from ablate.data.hashing import stream
from ablate.data.module import PretrainingData
from ablate.data.pin import pinned_corpus
from ablate.data.store import prepare
from ablate.data.training import Streams, bytes_per_token, training_sequences, update_plan
from ablate.errors import UserError, one_line
from ablate.evaluation.mlm import Evaluation
from ablate.models.bert import Attention, Bert, attention_for
from ablate.models.cost import training_flops
from ablate.models.dropout import use_16_bits
from ablate.models.encoder import Encoder
from ablate.objectives.pretraining import Objective, Teachable
from ablate.objectives.teacher import Teacher
from ablate.runs.directory import Place
from ablate.training.budget import Budget
from ablate.training.budget import resolve as resolve_budget
from ablate.training.precision import Precision

NOT_ARGUMENTS = {  # keys of a group that are not arguments of its `_target_`
    "data": ("fraction", "refresh"),
    "input": ("format", "pairs"),
    "model": ("layers_multiple",),
    "loss": ("alpha",),
    "optim": ("lr_multiple", "lr_ladder", "batch_multiple", "batch_tokens", "clip"),
}


TARGETS = ("data", "tokenizer", "model", "input", "masking", "loss", "init", "optim", "schedule")


def make(cfg: DictConfig, group: str) -> partial[Any]:
    """A group's `_target_` as a partial with its keys as arguments.

    Raises:
        UserError: the target cannot be imported.
    """
    plain = OmegaConf.to_container(cfg[group], resolve=True)
    if not isinstance(plain, dict) or "_target_" not in plain:
        raise UserError(f"{group}={plain}: needs a _target_")
    return _partial(group, {k: v for k, v in plain.items() if k not in NOT_ARGUMENTS.get(group, ())})


def _partial(group: str, arguments: dict[Any, Any]) -> partial[Any]:
    try:
        made = instantiate(arguments, _partial_=True, _convert_="all")
    except InstantiationException as error:
        reason: BaseException = error
        while reason.__cause__ is not None:
            reason = reason.__cause__
        raise UserError(f"{group}._target_={arguments['_target_']}: cannot be imported ({one_line(reason)})") from error
    _check_arguments(group, made)
    return made


def _check_arguments(group: str, made: partial[Any]) -> None:
    parameters = inspect.signature(made.func).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    for key in made.keywords:
        if key not in parameters:
            raise UserError(
                f"{group}.{key}: no such key for {made.func.__qualname__}; it takes {', '.join(parameters)}"
            )


def check_targets(cfg: DictConfig) -> None:
    """Import every target and check its keys; masks and losses are made, which checks their rates and weights.

    Raises:
        UserError: a target that cannot be imported, or a key that it does not take.
    """
    for group in TARGETS:
        made = make(cfg, group)
        if group in ("masking", "loss"):
            made()
    build_metrics(cfg)


def build_corpus(cfg: DictConfig, root: Path) -> Corpus:
    """The tokenised corpus, prepared once and pinned per run root."""
    source, tokenizer = make(cfg, "data")(), make(cfg, "tokenizer")()

    def prepare_pinned(pinned: str | None) -> Corpus:
        return prepare(source, tokenizer, cache=Path(cfg.cache), pinned=pinned)

    refresh = cfg.data.get("refresh", False)
    return pinned_corpus(root, data_name(cfg), prepare_pinned, source=source_keys(cfg), refresh=refresh)


def build_model(
    cfg: DictConfig, corpus: Corpus, device: torch.device, *, teacher: Bert | None = None, drawn: bool = True,
    dropout_bits: int = 64,
) -> Encoder:  # fmt: skip
    """The model on its device, with its initial values where they are to be `drawn`; some start from a teacher."""
    attention = chosen_attention(cfg, device)
    model = make(cfg, "model")(nsp=cfg.nsp, vocabulary=corpus.vocabulary, attention=attention)
    if drawn:
        initialise = make(cfg, "init")
        given = {"teacher": teacher} if "teacher" in inspect.signature(initialise.func).parameters else {}
        initialise(model, seed=stream(cfg.seed, "initialisation", replicate=cfg.replicate), **given)
    if dropout_bits == 16:
        use_16_bits(model)
    return model.to(device)


def chosen_attention(cfg: DictConfig, device: torch.device) -> Attention:
    """`trainer.attention`, or what is fastest here."""
    return attention_for(cfg.input.length, device) if cfg.trainer.attention == "auto" else cfg.trainer.attention


def has_token_types(cfg: DictConfig) -> bool:
    """Whether the arm's model distinguishes the two texts of a pair."""
    return bool(cfg.model.get("token_types", cfg.input.pairs))


def build_objective(
    cfg: DictConfig, corpus: Corpus, model: Encoder, teacher: Teacher | None
) -> tuple[Objective, float]:
    """What is minimised, and what a uniform guess costs under it, in nats."""
    uniform = math.log(corpus.vocabulary.size)
    pairs = math.log(2) if cfg.nsp else 0.0
    loss = make(cfg, "loss")()
    if not isinstance(loss, Teachable):
        return loss, uniform + pairs
    seed = stream(cfg.seed, "objective", replicate=cfg.replicate)
    return loss.taught(teacher, model, seed=seed), loss.guess_loss(uniform) + pairs


def build_optimizer(cfg: DictConfig, precision: Precision) -> Callable[..., Optimizer]:
    """What makes the optimizer of a model's named parameters; the run's precision goes to those that take it."""
    made = make(cfg, "optim")
    takes = "precision" in inspect.signature(made.func).parameters
    return partial(made, precision=precision) if takes else made


def build_data(cfg: DictConfig, corpus: Corpus) -> PretrainingData:
    """The microbatches of this arm and seed."""
    streams = Streams.of(cfg.seed, cfg.replicate)
    sequences = training_sequences(
        corpus, make(cfg, "input"),
        describes=json.dumps([RECIPE_VERSION, OmegaConf.to_container(cfg.input, resolve=True)], sort_keys=True),
        fraction=cfg.data.fraction, streams=streams, cache=Path(cfg.cache),
    )  # fmt: skip
    batches = Batches(
        corpus.train, sequences, update_plan(sequences, batch_tokens=cfg.optim.batch_tokens, streams=streams),
        make(cfg, "masking")(), mask_seed=streams.masks, vocabulary=corpus.vocabulary,
        accumulate=cfg.trainer.accumulate,
    )  # fmt: skip
    return PretrainingData(batches, accumulate=cfg.trainer.accumulate, workers=cfg.trainer.workers)


def flops_per_token(cfg: DictConfig, model: Encoder, length: float) -> float:
    """Training FLOPs per position at a sequence length, with the MLM head at the masked share of positions."""
    encoder, head = model.forward_flops(length=length)
    return training_flops(encoder + predicted_share(cfg) * head)


def mean_length(data: PretrainingData) -> float:
    """The length of the sequence that a position is in, on average: what attention costs depends on it."""
    lengths = data.batches.plan.lengths.astype(float)
    return float((lengths**2).sum() / lengths.sum())


def build_budget(cfg: DictConfig, model: Encoder, data: PretrainingData) -> Budget:
    """When the run ends."""
    batches = data.batches
    of_text = (
        {"bytes_per_token": bytes_per_token(batches.store, batches.plan, fraction=cfg.data.fraction)}
        if cfg.budget.match == "bytes" else {}
    )  # fmt: skip
    return resolve_budget(
        match=cfg.budget.match, amount=cfg.budget.amount, batch_tokens=cfg.optim.batch_tokens,
        flops_per_token=flops_per_token(cfg, model, mean_length(data)), **of_text,
    )  # fmt: skip


def build_evaluation(cfg: DictConfig, corpus: Corpus, precision: Precision) -> Evaluation | None:
    """The held-out questions, or None with eval=none."""
    if not cfg.eval.formats:
        return None
    formats = {str(name): _format(name) for name in cfg.eval.formats}
    return Evaluation(
        corpus, formats=formats, own_format=cfg.input.get("format", ""), nsp=cfg.nsp, length=cfg.eval.length,
        chars=cfg.eval.chars, chars_per_document=cfg.eval.chars_per_document, format_chars=cfg.eval.format_chars,
        precision=precision,
    )  # fmt: skip


def _format(name: str) -> Any:
    return instantiate({"_target_": f"ablate.data.formats.{name}", "_partial_": True})


def build_metrics(cfg: DictConfig) -> list[Any]:
    """A user's own metrics (`eval.metrics`), each called with (model, corpus).

    Raises:
        UserError: not a list of targets, or one that cannot be imported.
    """
    plain = OmegaConf.to_container(cfg.eval.metrics, resolve=True) if OmegaConf.is_list(cfg.eval.metrics) else None
    if not isinstance(plain, list) or not all(isinstance(node, dict) and "_target_" in node for node in plain):
        raise UserError(f"eval.metrics={cfg.eval.metrics}: must be a list such as [{{_target_: my_package.metric}}]")
    return [_partial("eval.metrics", node) for node in plain]


@contextmanager
def loggers(cfg: DictConfig, place: Place, *, run_id: str) -> Iterator[list[Logger]]:
    """The logger beside metrics.csv, if any, closed at the end of the run.

    Weights & Biases gets group, job type, tags and the resolved config.
    """
    target = cfg.logger.get("_target_") if cfg.logger else None
    if target is None:
        yield []
        return
    study, arm = place.study, place.arm
    extra: dict[str, Any] = {"save_dir": str(place.directory)}
    if target.endswith("WandbLogger"):
        extra |= {"group": study, "job_type": arm, "tags": [study, arm, cfg.scale.name], "id": run_id,
                  "name": f"{arm}-seed-{cfg.seed}", "config": OmegaConf.to_container(cfg, resolve=True)}  # fmt: skip
    elif target.endswith("TensorBoardLogger"):
        extra |= {"name": "", "version": ""}
    logger = make(cfg, "logger")(**extra)
    try:
        yield [logger]
    finally:
        logger.finalize("success")
        if hasattr(logger.experiment, "finish"):  # Weights & Biases: the next run of a sweep is another
            logger.experiment.finish()
