"""A trained folder rewritten as the Hugging Face class that fits the architecture, with its tokenizer."""

import json
import shutil
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoModelForMaskedLM, BertConfig

from ablate.data.tokenizers import ROBERTA_SPECIALS, special_names
from ablate.models.convert import Kind, from_bert
from ablate.models.folder import copy_tokenizer, input_names, load_tokenizer, trained_input
from ablate.models.masked_lm import load_masked_lm


def fitting_kind(config: BertConfig, tokenizer: Tokenizer) -> Kind:
    """The class that fits: BERT has token types; without them RoBERTa has byte-level BPE, DistilBERT WordPiece."""
    if config.type_vocab_size > 1:
        return "bert"
    if _byte_level(tokenizer):
        return "roberta" if special_names(tokenizer) == ROBERTA_SPECIALS else "bert"
    return "distilbert" if isinstance(tokenizer.model, WordPiece) else "bert"


def write_model(folder: Path, destination: Path, *, kind: Kind | None, key: str) -> Kind:
    """Write weights, config and tokenizer of a BERT folder as another kind's, the fitting one by default.

    As BERT the folder's weights are copied as they are, with the pooler and the NSP head where it has them.
    Returns the kind that was written; `key` is what errors call the folder.

    Raises:
        UserError: the folder is no such model, or its tokenizer is another's.
        CannotHold: the kind has no place for something that the model has.
    """
    model = load_masked_lm(folder, attention="eager", key=key)
    tokenizer, _ = load_tokenizer(folder, vocabulary=model.config.vocab_size, key=key)
    written = kind or fitting_kind(model.config, tokenizer)
    if written == "bert":
        for file in (folder / "config.json", *folder.glob("*.safetensors"), *folder.glob("*.safetensors.index.json")):
            shutil.copyfile(file, destination / file.name)
    else:
        state, config = from_bert(model.state_dict(), model.config, written)
        made = AutoModelForMaskedLM.from_config(config)
        made.load_state_dict(state)
        made.save_pretrained(destination)
    _write_tokenizer(folder, destination, tokenizer, model.config)
    return written


def _write_tokenizer(folder: Path, destination: Path, tokenizer: Tokenizer, config: BertConfig) -> None:
    copy_tokenizer(
        folder, destination, model_input_names=input_names(token_types=config.type_vocab_size > 1),
        model_max_length=trained_input(config, folder),
    )  # fmt: skip
    if _byte_level(tokenizer):
        _let_mask_take_the_space(destination)


def _let_mask_take_the_space(folder: Path) -> None:
    """In byte-level BPE a word has its space inside: what a mask stands for does too, as RoBERTa's `lstrip` says."""
    path, config_path = folder / "tokenizer.json", folder / "tokenizer_config.json"
    plain, config = json.loads(path.read_text()), json.loads(config_path.read_text())
    mask = config["mask_token"]
    for token in plain["added_tokens"]:
        if token["content"] == mask:
            token["lstrip"] = True
            made = {k: v for k, v in token.items() if k != "id"}
            config["mask_token"] = {"__type": "AddedToken", **made}
    path.write_text(json.dumps(plain, ensure_ascii=False) + "\n", encoding="utf-8")
    config_path.write_text(json.dumps(config, indent=1) + "\n")


def _byte_level(tokenizer: Tokenizer) -> bool:
    return isinstance(tokenizer.pre_tokenizer, ByteLevel)
