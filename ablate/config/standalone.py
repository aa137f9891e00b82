"""Downstream evaluation on its own: a run or a folder and the questions to it, from the config of ablate.finetune."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from tokenizers import Tokenizer
from tokenizers.models import BPE

from ablate.config.build import make
from ablate.config.checks import check, check_trainer
from ablate.config.compose import compose_one, without_hydra
from ablate.config.described import composed
from ablate.config.downstream import build_distillation, build_tasks, finetuning_seeds
from ablate.data.vocabulary import Vocabulary
from ablate.errors import UserError
from ablate.evaluation.downstream import Questions, finetuning_stream
from ablate.evaluation.efficiency import Measured
from ablate.evaluation.subject import Subject
from ablate.evaluation.tasks import HeldOutText
from ablate.models.bert import attention_for
from ablate.models.cost import count_parameters
from ablate.models.folder import load_encoder, load_tokenizer, longest_input, stored_parameters, trained_input
from ablate.training.fit import choose_device
from ablate.training.precision import resolve

_SPECIALS = 5  # tokens that every vocabulary has


def standalone_questions(cfg: DictConfig, run: Path | None) -> Questions:
    """The tasks of the config, asked with a run's own seed and its own held-out text where it is of the same source.

    Raises:
        UserError: a task that cannot be made of its config.
    """
    nodes = OmegaConf.create({cfg.task.name: cfg.task, **{str(k): v for k, v in cfg.more.items()}})
    tasks = build_tasks(nodes, cfg.finetuning, key="more")
    of_run = run_config(run) if run is not None else None
    same_text = of_run is not None and of_run["data"].get("name") == cfg.data.get("name")
    fingerprint = _fingerprint(run) if run is not None and same_text else None
    seed, replicate = (of_run["seed"], of_run["replicate"]) if of_run is not None else (cfg.seed, 0)
    return Questions(
        tasks=tasks, probe=bool(cfg.probe), seeds=finetuning_seeds(cfg),
        stream=finetuning_stream(seed, replicate=replicate),
        held_out=HeldOutText(make(cfg, "data")(), Path(cfg.cache), fingerprint), cache=Path(cfg.cache),
        distillation=build_distillation(cfg.finetuning),
    )  # fmt: skip


def standalone_subject(cfg: DictConfig, folder: Path, run: Path | None) -> Subject:
    """The encoder of a folder; a run's inputs are as long as its own evaluation has them, others' as in training.

    Raises:
        UserError: the folder cannot be loaded, or `length` is out of range.
    """
    device = _execute(cfg)
    asked = cfg.length or (run_config(run)["eval"]["length"] if run is not None else None)
    longest_text = asked or cfg.get("task", {}).get("max_length", 128)
    model = load_encoder(folder, attention=attention_for(longest_text, device)).to(device)
    longest = longest_input(model.config)
    length = trained_input(model.config, folder) if asked is None else asked
    if not isinstance(length, int) or not 8 <= length <= longest:
        raise UserError(f"length={length}: must be from 8 to the {longest} tokens that the model takes")
    tokenizer, pad = load_tokenizer(folder, vocabulary=int(model.config.vocab_size))
    return Subject(model, tokenizer, pad, length, device, resolve(cfg.trainer.precision, device))


def run_config(path: Path) -> dict[str, Any]:
    """The composed config of a run, as it was written before it started.

    Raises:
        UserError: the run has none.
    """
    plain = OmegaConf.to_container(composed(path), resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _fingerprint(path: Path) -> str | None:
    file = path / "provenance.json"
    return json.loads(file.read_text()).get("data_fingerprint") if file.is_file() else None


def folder_to_measure(cfg: DictConfig, folder: Path) -> Measured:
    """The encoder of a folder, with what is stored in its weights."""
    device = _execute(cfg)
    model = load_encoder(folder, attention=attention_for(cfg.length, device)).to(device)
    _check_length(cfg, longest_input(model.config))
    tokenizer, pad = load_tokenizer(folder, vocabulary=int(model.config.vocab_size))
    subject = Subject(model, tokenizer, pad, cfg.length, device, resolve(cfg.trainer.precision, device))
    return Measured(subject, model.config.vocab_size, model.forward_flops(length=cfg.length), stored_parameters(folder))


def size_to_measure(cfg: DictConfig, size: str, overrides: list[str], *, config_dirs: tuple[Path, ...]) -> Measured:
    """A size from conf/model with fresh weights.

    Raises:
        UserError: no such size; a path that is no model comes here too, and is told so.
    """
    if "/" in size or Path(size).exists():
        raise UserError(f"model={size}: neither a run, nor a Hugging Face folder, nor a size in conf/model")
    of_size = compose_one([f"model={size}", *overrides], config_dirs=config_dirs)
    check(without_hydra(of_size), compose_one([], config_dirs=config_dirs))
    device = _execute(cfg)
    none = np.zeros(cfg.vocabulary, dtype=bool)
    vocabulary = Vocabulary(cfg.vocabulary, pad=0, unk=1, cls=2, sep=3, mask=4, continues=none, special=none)
    model = make(of_size, "model")(nsp=False, vocabulary=vocabulary, attention=attention_for(cfg.length, device))
    _check_length(cfg, of_size.model.get("max_length", cfg.length))
    subject = Subject(model.to(device), Tokenizer(BPE()), 0, cfg.length, device, resolve(cfg.trainer.precision, device))
    per_position, _ = model.forward_flops(length=cfg.length)
    return Measured(subject, cfg.vocabulary, per_position, count_parameters(model))


def _execute(cfg: DictConfig) -> torch.device:
    check_trainer(cfg.trainer)
    for key, least in {"length": 1, "vocabulary": _SPECIALS}.items():
        value = cfg.get(key)
        if value is not None and not (isinstance(value, int) and value >= least):
            raise UserError(f"{key}={value}: must be a whole number from {least}")
    torch.set_num_threads(cfg.trainer.threads or torch.get_num_threads())
    return choose_device(cfg.trainer.accelerator)


def _check_length(cfg: DictConfig, longest: int) -> None:
    if not isinstance(cfg.length, int) or not 1 <= cfg.length <= longest:
        raise UserError(f"length={cfg.length}: must be from 1 to the {longest} tokens that the model takes")
