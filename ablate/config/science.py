"""Science apart from execution: what a recipe is, what its run id hashes, how two recipes differ."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:  # --cfg and --help import no torch
    from ablate.training.precision import Numerics

RECIPE_VERSION = 2  # raised when the same config would train a different model

GROUPS = (
    "model",
    "tokenizer",
    "data",
    "input",
    "nsp",
    "masking",
    "loss",
    "teacher",
    "init",
    "optim",
    "schedule",
    "budget",
)
SCIENCE = (*GROUPS, "replicate")
FROM_TEACHER = "ablate.models.init.from_teacher"  # the initialisation that begins with a teacher's weights
LADDER = "optim.lr_ladder"  # the multiples of its learning rate at which a study runs its contrasts again
LABELS = (  # ways to say what other keys hold
    "name", "format", "multiple", "batch_multiple", "lr_multiple", "lr_ladder", "layers_multiple", "alpha", "like",
    "untrained",
)  # fmt: skip


def recipe(cfg: DictConfig) -> dict[str, Any]:
    """The resolved scientific part of a config, as plain values; `Numerics` come with the hardware."""
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): plain[key] for key in SCIENCE if key in plain}


def without_labels(plain: dict[str, Any]) -> dict[str, Any]:
    """The recipe by what its labels come to, as a run id knows it: half of 4 layers is 2 layers."""
    return {key: _without_labels(value) for key, value in plain.items()}


def identity(
    cfg: DictConfig, *, fingerprint: str, corpus: str, numerics: "Numerics", teacher: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What a run id hashes: the recipe, the content of its data and tokens, precision, seed and RECIPE_VERSION;
    and where dropout draws other numbers than torch, with how many bits.

    Names and paths are left out: the corpus is known by its content, the tokenizer by the corpus it gave, and the
    teacher by what `teaching.teacher_identity` says of it.
    """
    plain = recipe(cfg)
    science = without_labels(plain)
    science["data"] = {"fraction": plain["data"]["fraction"], "fingerprint": fingerprint}
    science["tokenizer"] = {**{k: v for k, v in science["tokenizer"].items() if k != "path"}, "corpus": corpus}
    science.pop("teacher", None)
    if teacher is not None:
        science["teacher"] = teacher
    if numerics.dropout_bits != 64:  # torch's own
        science["dropout_bits"] = numerics.dropout_bits
    return {**science, "precision": numerics.precision, "seed": cfg.seed, "recipe_version": RECIPE_VERSION}


def digest(value: Any) -> str:
    """16 hex digits of a plain value, independent of the order of keys and of 1 against 1.0."""
    text = json.dumps(_normal(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def evaluation_id(cfg: DictConfig, *, fingerprint: str) -> str:
    """Identifies what finished models are asked: evaluation apart from the recipe and from the grid of the curve."""
    plain = OmegaConf.to_container(cfg.eval, resolve=True)
    assert isinstance(plain, dict)
    asked = {k: v for k, v in plain.items() if k != "every_tokens"}
    return digest({"eval": asked, "fingerprint": fingerprint})


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as dotted keys; lists are values."""
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, part in value.items():
        flat |= flatten(part, f"{prefix}.{key}" if prefix else str(key))
    return flat


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ, with both values; a missing key counts as None."""
    a, b = flatten(old), flatten(new)
    keys = sorted(a.keys() | b.keys())
    return {key: (a.get(key), b.get(key)) for key in keys if _normal(a.get(key)) != _normal(b.get(key))}


def _without_labels(value: Any) -> Any:
    if not isinstance(value, dict) or not str(value.get("_target_", "ablate.")).startswith("ablate."):
        return value  # what a user's own target does with a key called `name` is not for us to say
    return {k: v for k, v in value.items() if k not in LABELS}


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _normal(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_normal(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
