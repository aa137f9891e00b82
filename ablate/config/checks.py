"""Checks of a composed config, in words, before anything runs."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from ablate.config.science import flatten
from ablate.errors import UserError

PRECISIONS = ("auto", "32-true", "bf16-mixed")
MATCHES = ("tokens", "updates", "flops", "seconds")
FORMATS = ("segment_pair", "sentence_pair", "full_sentences", "doc_sentences")


def check(cfg: DictConfig, reference: DictConfig) -> None:
    """Refuse what cannot be run, naming key, value and options; `reference` is the config of the defaults.

    Raises:
        UserError: the first mistake found.
    """
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    flat = flatten({k: v for k, v in plain.items() if k != "hydra"})
    _check_known(plain, reference)
    _check_types(flat, flatten(OmegaConf.to_container(reference, resolve=True)))
    _check_format(cfg)
    _check_model(cfg)
    _check_optimisation(cfg)
    _check_execution(cfg)


def _check_known(plain: dict[Any, Any], reference: DictConfig) -> None:
    for key in plain:
        if key not in reference and key != "hydra":
            known = ", ".join(str(k) for k in reference if k != "hydra")
            raise UserError(f"{key}: no such key; top-level keys are {known}")


def _check_types(flat: dict[str, Any], defaults: dict[str, Any]) -> None:
    for key, value in flat.items():
        default = defaults.get(key)
        if isinstance(default, bool):
            _require(isinstance(value, bool), key, value, "true or false")
        elif isinstance(default, (int, float)) and value is not None:
            _require(isinstance(value, (int, float)) and not isinstance(value, bool), key, value, "a number")


def _check_format(cfg: DictConfig) -> None:
    if cfg.nsp and not cfg.input.pairs:
        raise UserError(
            f"nsp=true with input={cfg.input.format}: next-sentence prediction needs a pair format "
            "(segment_pair, sentence_pair); say nsp=false"
        )
    _require(0 < cfg.data.fraction <= 1, "data.fraction", cfg.data.fraction, "a share above 0, at most 1")
    for name in cfg.eval.formats:
        _require(name in FORMATS, "eval.formats", name, f"any of {', '.join(FORMATS)}")


def _check_model(cfg: DictConfig) -> None:
    length, longest = cfg.input.length, cfg.model.get("max_length")
    _require(isinstance(length, int) and length >= 8, "input.length", length, "a whole number from 8")
    if longest is not None and max(length, cfg.eval.length) > longest:
        raise UserError(
            f"input.length={length}, eval.length={cfg.eval.length}: above model.max_length={longest}, "
            "the model's number of positions"
        )
    width, heads = cfg.model.get("width"), cfg.model.get("heads")
    if width is not None and heads is not None:
        _require(heads >= 1 and width % heads == 0, "model.heads", heads, f"a divisor of model.width={width}")


def _check_optimisation(cfg: DictConfig) -> None:
    _require(cfg.optim.lr > 0, "optim.lr", cfg.optim.lr, "a number above 0")
    batch = cfg.optim.batch_tokens
    _require(batch >= cfg.input.length, "optim.batch_tokens", batch, f"at least input.length={cfg.input.length}")
    warmup = cfg.schedule.get("warmup", 0)
    _require(0 <= warmup < 1, "schedule.warmup", warmup, "a share of the budget from 0 to below 1")
    match, amount = cfg.budget.match, cfg.budget.amount
    _require(match in MATCHES, "budget.match", match, f"one of {', '.join(MATCHES)}")
    if amount is not None or match != "flops":
        _require(isinstance(amount, (int, float)) and amount > 0, "budget.amount", amount, "a number above 0")


def _check_execution(cfg: DictConfig) -> None:
    trainer = cfg.trainer
    _require(isinstance(cfg.seed, int) and cfg.seed >= 0, "seed", cfg.seed, "a whole number from 0")
    _require(trainer.precision in PRECISIONS, "trainer.precision", trainer.precision, f"one of {', '.join(PRECISIONS)}")
    devices = ("auto", "cpu", "gpu", "cuda", "mps")
    _require(trainer.accelerator in devices, "trainer.accelerator", trainer.accelerator, f"one of {', '.join(devices)}")
    attentions = ("auto", "eager", "sdpa")
    _require(trainer.attention in attentions, "trainer.attention", trainer.attention, f"one of {', '.join(attentions)}")
    for key in ("accumulate", "log_every"):
        _require(
            isinstance(trainer[key], int) and trainer[key] >= 1, f"trainer.{key}", trainer[key], "a whole number from 1"
        )
    _require(trainer.threads is None or trainer.threads >= 1, "trainer.threads", trainer.threads, "null or at least 1")


def _require(holds: bool, key: str, value: Any, wanted: str) -> None:
    if not holds:
        raise UserError(f"{key}={value}: must be {wanted}")
