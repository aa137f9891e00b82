"""Any BERT, RoBERTa or DistilBERT folder as transformers' BertForMaskedLM: a teacher, or initial values."""

import json
from pathlib import Path
from typing import Any

from transformers import AutoModelForMaskedLM, BertForMaskedLM

from ablate.errors import UserError
from ablate.models.convert import KINDS, CannotHold, to_bert
from ablate.models.folder import check_weights, from_pretrained


def load_masked_lm(folder: Path, *, attention: str, key: str = "model") -> BertForMaskedLM:
    """The folder's model with the logits that its own class gives; in float32, in evaluation mode.

    `key` is what errors call the folder. Positions count from the first token on, so that padding is to the right.

    Raises:
        UserError: no weights, only pickled ones, no masked-language-model head, or another architecture.
    """
    check_weights(folder, key=key)
    _check_kind(folder, key=key)
    loaded, info = from_pretrained(AutoModelForMaskedLM, folder, attention=attention, key=key)
    _check_complete(loaded, info["missing_keys"], folder, key=key)
    try:
        state, config = to_bert(loaded.state_dict(), loaded.config)
    except CannotHold as error:
        raise UserError(f"{key}={folder}: {error}") from error
    config._attn_implementation = attention
    model = BertForMaskedLM(config)
    model.load_state_dict(state)
    return model.eval()


def _check_kind(folder: Path, *, key: str) -> None:
    try:
        kind = json.loads((folder / "config.json").read_text()).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{key}={folder}: config.json cannot be read: {error}") from error
    if kind not in KINDS:
        raise UserError(f"{key}={folder}: model_type={kind}: must be one of {', '.join(KINDS)}")


def _check_complete(model: Any, missing: set[str], folder: Path, *, key: str) -> None:
    encoder = sorted(name for name in missing if name.startswith(f"{model.base_model_prefix}."))
    if encoder:
        raise UserError(f"{key}={folder}: its weights lack {len(encoder)} tensors of the encoder, say {encoder[0]}")
    if missing:
        raise UserError(
            f"{key}={folder}: has no masked-language-model head (its weights lack {min(missing)}); "
            "a model that was pretrained with one is needed"
        )
