"""Checks of a composed config, in words, before anything runs."""

from typing import Any, get_args

from omegaconf import DictConfig, ListConfig, OmegaConf

from ablate.config.science import flatten
from ablate.config.values import is_number
from ablate.errors import UserError
from ablate.objectives.distillation import TERMS
from ablate.training.budget import Match

PRECISIONS = ("auto", "32-true", "bf16-mixed")
FORMATS = ("segment_pair", "sentence_pair", "full_sentences", "doc_sentences")
DEVICES = ("auto", "cpu", "gpu", "cuda", "mps")
ATTENTIONS = ("auto", "eager", "sdpa")
DROPOUT_BITS = ("auto", 16, 64)
CLOSED = {  # groups whose keys are read one by one, so that another would be dropped silently; with optional ones
    "eval": ("tasks", "only", "probe", "finetuning", "efficiency", "glue"), "trainer": (), "budget": ("like",),
}  # fmt: skip
WHOLE = {  # keys of ablate's own targets that are whole numbers, and the least of each
    "seed": 0, "replicate": 0, "input.length": 8, "model.layers": 1, "model.width": 1, "model.heads": 1,
    "model.intermediate": 1, "model.max_length": 8, "tokenizer.vocab_size": 1, "tokenizer.max_chars": 1,
    "data.block_rows": 1, "masking.copies": 1,
    "trainer.accumulate": 1, "trainer.log_every": 1, "trainer.workers": 0, "eval.length": 8, "eval.chars": 0,
    "eval.chars_per_document": 0, "eval.format_chars": 0,
}  # fmt: skip
AMOUNTS = ("eval.chars", "eval.chars_per_document", "eval.format_chars")  # of these, that may be written as 2e5
OR_NULL = ("masking.copies", "optim.clip", "budget.amount")  # numbers, or null
TEXT = (  # 2024 is read as a number
    "data.path", "data.validation_path", "data.separator", "tokenizer.path", "teacher.path",
)  # fmt: skip
SHARES = ("model.dropout", "model.attention_dropout", "schedule.warmup", "optim.momentum")
NOT_NEGATIVE = ("optim.weight_decay", "optim.muon_weight_decay")
POSITIVE = ("loss.temperature", "optim.lr", "optim.muon_lr", "optim.eps", "init.std", "eval.every_tokens")


def check(cfg: DictConfig, reference: DictConfig) -> None:
    """Refuse what cannot be run, naming key, value and options; `reference` is the config of the defaults.

    Raises:
        UserError: the first mistake found.
    """
    plain, defaults = OmegaConf.to_container(cfg, resolve=True), OmegaConf.to_container(reference, resolve=True)
    assert isinstance(plain, dict) and isinstance(defaults, dict)
    _check_known(plain, {key: value for key, value in defaults.items() if key != "hydra"})
    ours = {key: value for key, value in plain.items() if _is_ours(value)}
    _check_types(flatten(ours), flatten(defaults))
    _check_numbers(flatten(ours))
    _check_format(cfg)
    _check_model(cfg)
    _check_optimisation(cfg)
    _require(isinstance(cfg.cache, str), "cache", cfg.cache, "a folder")
    packages = cfg.data.get("packages")
    _require(packages is None or isinstance(packages, ListConfig), "data.packages", packages, "a list, or null")
    check_trainer(cfg.trainer)


def _is_ours(group: Any) -> bool:
    """A user's own target may have a key of the same name that means something else."""
    return not isinstance(group, dict | DictConfig) or str(group.get("_target_", "ablate.")).startswith("ablate.")


def _check_known(plain: dict[Any, Any], defaults: dict[Any, Any]) -> None:
    for key in plain:
        if key not in defaults:
            raise UserError(f"{key}: no such key; top-level keys are {', '.join(map(str, defaults))}")
    for key, default in defaults.items():
        if key not in plain:
            raise UserError(f"{key}: cannot be deleted; a run needs it")
        if isinstance(default, dict):
            _require(isinstance(plain[key], dict), key, plain[key], "a group of keys")
    for group, optional in CLOSED.items():
        differing = sorted((plain[group].keys() ^ defaults[group].keys()) - set(optional))
        if differing:
            known = ", ".join(defaults[group])
            raise UserError(f"{group}.{differing[0]}: keys can be neither added nor deleted here; they are {known}")


def _check_types(flat: dict[str, Any], defaults: dict[str, Any]) -> None:
    for key, value in flat.items():
        default = defaults.get(key)
        if isinstance(default, bool):
            _require(isinstance(value, bool), key, value, "true or false")
        elif isinstance(default, (int, float)) and not (value is None and key in OR_NULL):
            _require(is_number(value), key, value, "a number")


def _check_numbers(flat: dict[str, Any]) -> None:
    for key, least in WHOLE.items():
        if key in flat and not (key in OR_NULL and flat[key] is None):
            holds = _is_whole(flat[key], as_float=key in AMOUNTS) and flat[key] >= least
            _require(holds, key, flat[key], f"a whole number from {least}" + ", or null" * (key in OR_NULL))
    for key in TEXT:
        if flat.get(key) is not None:
            quoted = f"text: {key}='\"{flat[key]}\"'"
            _require(isinstance(flat[key], str), key, flat[key], quoted)
    for key in SHARES:
        if key in flat:
            _require(is_number(flat[key]) and 0 <= flat[key] < 1, key, flat[key], "a share from 0 to below 1")
    for key in POSITIVE:
        if key in flat:
            _require(is_number(flat[key]) and flat[key] > 0, key, flat[key], "a number above 0")
    for key in NOT_NEGATIVE:
        if key in flat:
            _require(is_number(flat[key]) and flat[key] >= 0, key, flat[key], "a number from 0")
    for key in (f"loss.{term}" for term in TERMS):
        if key in flat:
            _require(is_number(flat[key]) and flat[key] >= 0, key, flat[key], "a weight: a number from 0")
    where = flat.get("loss.positions", "all")
    _require(where in ("masked", "all"), "loss.positions", where, "masked or all")
    if flat.get("optim.clip") is not None:
        _require(flat["optim.clip"] > 0, "optim.clip", flat["optim.clip"], "a number above 0, or null for none")
    betas = flat.get("optim.betas", [0.9, 0.999])
    holds = isinstance(betas, list) and len(betas) == 2 and all(is_number(b) and 0 <= b < 1 for b in betas)
    _require(holds, "optim.betas", betas, "two numbers from 0 to below 1")


def _check_format(cfg: DictConfig) -> None:
    if cfg.nsp and not cfg.input.pairs:
        raise UserError(
            f"nsp=true with input={cfg.input.get('format', cfg.input._target_)}: next-sentence prediction needs a pair "
            "format (segment_pair, sentence_pair); say nsp=false"
        )
    fraction, formats = cfg.data.fraction, cfg.eval.formats
    _require(is_number(fraction) and 0 < fraction <= 1, "data.fraction", fraction, "a share above 0, at most 1")
    _require(OmegaConf.is_list(formats), "eval.formats", formats, f"a list of {', '.join(FORMATS)}")
    for name in formats:
        _require(name in FORMATS, "eval.formats", name, f"any of {', '.join(FORMATS)}")
    amounts = AMOUNTS[:2] if len(formats) == 1 else AMOUNTS  # the last is of the other formats
    for key in amounts if formats else ():
        value = OmegaConf.select(cfg, key)
        _require(value >= 1, key, value, "a whole number from 1 where eval.formats are asked")


def _check_model(cfg: DictConfig) -> None:
    length, longest = cfg.input.length, cfg.model.get("max_length")
    if longest is not None and max(length, cfg.eval.length) > longest:
        raise UserError(
            f"input.length={length}, eval.length={cfg.eval.length}: above model.max_length={longest}, "
            "the model's number of positions"
        )
    width, heads = cfg.model.get("width"), cfg.model.get("heads")
    if _is_ours(cfg.model) and width is not None and heads is not None:
        _require(width % heads == 0, "model.heads", heads, f"a divisor of model.width={width}")


def _check_optimisation(cfg: DictConfig) -> None:
    batch = cfg.optim.batch_tokens
    holds = _is_whole(batch) and batch >= cfg.input.length
    _require(holds, "optim.batch_tokens", batch, f"a whole number from input.length={cfg.input.length}")
    match, amount = cfg.budget.match, cfg.budget.amount
    _require(match in get_args(Match), "budget.match", match, f"one of {', '.join(get_args(Match))}")
    if amount is not None or match != "flops":
        _require(is_number(amount) and amount > 0, "budget.amount", amount, "a number above 0")


def check_trainer(trainer: DictConfig) -> None:
    """Refuse a way of execution that there is not.

    Raises:
        UserError: the first mistake found.
    """
    options = {"precision": PRECISIONS, "accelerator": DEVICES, "attention": ATTENTIONS}
    for key, allowed in options.items():
        _require(trainer[key] in allowed, f"trainer.{key}", trainer[key], f"one of {', '.join(allowed)}")
    bits = trainer.dropout_bits
    _require(bits in DROPOUT_BITS, "trainer.dropout_bits", bits, "auto, 16 or 64")
    minutes = trainer.checkpoint_minutes
    _require(is_number(minutes) and minutes >= 0, "trainer.checkpoint_minutes", minutes, "a number from 0")
    threads = trainer.threads
    holds = threads is None or (_is_whole(threads) and threads >= 1)
    _require(holds, "trainer.threads", threads, "a whole number from 1, or null for all cores")


def _is_whole(value: Any, *, as_float: bool = False) -> bool:
    return is_number(value) and (isinstance(value, int) or (as_float and value.is_integer()))


def _require(holds: bool, key: str, value: Any, wanted: str) -> None:
    if not holds:
        raise UserError(f"{key}={value}: must be {wanted}")
