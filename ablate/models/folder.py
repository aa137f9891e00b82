"""Hugging Face folders: a run's model folder written, and any encoder's folder read as a source of features."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from tokenizers import Tokenizer
from torch import Tensor, nn

from ablate.errors import UserError
from ablate.models.cost import encoder_flops
from ablate.models.encoder import Encoder

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def save_folder(model: Encoder, tokenizer: Path, folder: Path, *, token_types: bool) -> None:
    """Write config.json, model.safetensors and the tokenizer's files; whole or not at all.

    A model without token types gets a tokenizer that makes none (`model_input_names`).
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, part / name)
    path = part / "tokenizer_config.json"
    config = json.loads(path.read_text())
    names = ["input_ids", "token_type_ids", "attention_mask"]
    config["model_input_names"] = [n for n in names if token_types or n != "token_type_ids"]
    path.write_text(json.dumps(config, indent=1) + "\n")
    model.save(part)
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


class FolderEncoder(nn.Module):
    """An encoder from transformers (BERT, RoBERTa, DistilBERT, ...) without its pooler and heads."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.encoder = model

    @property
    def config(self) -> Any:
        """The folder's config."""
        return self.encoder.config

    def forward_flops(self, *, length: float) -> float:
        """FLOPs of the forward pass per position at a sequence length."""
        c = self.config
        inner = getattr(c, "intermediate_size", None) or getattr(c, "hidden_dim", None) or 4 * c.hidden_size
        return encoder_flops(layers=c.num_hidden_layers, width=c.hidden_size, intermediate=inner, length=length)

    def hidden_states(
        self,
        input_ids: Int64[Tensor, "batch seq"],
        attention_mask: Bool[Tensor, "batch seq"] | None,
        token_type_ids: Int64[Tensor, "batch seq"] | None,
    ) -> Float[Tensor, "batch seq width"]:
        """The last layer's output; token types are left to the model, which takes 0 for all."""
        assert token_type_ids is None, "encoders from folders are given no token types"
        mask = None if attention_mask is None else attention_mask.long()
        return self.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state


def stored_parameters(folder: Path) -> tuple[int, int]:
    """Parameters in a folder's safetensors, heads included and shared ones once; and those outside embeddings."""
    total = embeddings = 0
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        for name, tensor in header.items():
            if name == "__metadata__" or name.endswith("position_ids"):  # a buffer of older folders
                continue
            size = math.prod(tensor["shape"])
            total += size
            embeddings += size if name.endswith("_embeddings.weight") else 0
    return total, total - embeddings


def is_model(path: Path) -> bool:
    """Whether a run's or a Hugging Face folder's model is at a path, or was meant to be."""
    return any((path / name).is_file() for name in ("config.json", "model/config.json", "result.json"))


def model_folder(path: Path) -> Path:
    """The Hugging Face folder at a path: the path itself, or `model/` of a run.

    Raises:
        UserError: neither is there.
    """
    for folder in (path / "model", path):
        if (folder / "config.json").is_file():
            return folder
    if not path.is_dir():
        raise UserError(f"model={path}: no such folder; give a run or a Hugging Face folder")
    if (path / "result.json").is_file() or (path / "provenance.json").is_file():
        raise UserError(f"model={path}: this run has no model folder (unfinished, diverged, or shared from another)")
    raise UserError(f"model={path}: neither a run nor a Hugging Face folder: there is no config.json")


def load_encoder(folder: Path, *, attention: str = "sdpa") -> FolderEncoder:
    """The encoder of a Hugging Face folder; only safetensors are read, and no code from the folder is run.

    Raises:
        UserError: no weights, only pickled ones, weights of another model, or no encoder.
    """
    _check_weights(folder)
    loaded, info = _from_pretrained(folder, attention)
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if missing:
        raise UserError(f"model={folder}: its weights lack {len(missing)} tensors of the encoder, say {missing[0]}")
    if not _reads_both_ways(loaded):
        raise UserError(f"model={folder}: {loaded.config.model_type} is no encoder")
    if getattr(loaded, "pooler", None) is not None:
        loaded.pooler = None
    return FolderEncoder(loaded)


@torch.no_grad()
def _reads_both_ways(model: Any) -> bool:
    """Whether the last token changes the first one's features: true of an encoder, never of a decoder."""
    if getattr(model.config, "is_encoder_decoder", False):
        return False
    model.eval()
    ids = torch.tensor([[5, 6, 7], [5, 6, 8]])
    first = model(input_ids=ids).last_hidden_state[:, 0]
    return not torch.equal(first[0], first[1])


def _check_weights(folder: Path) -> None:
    if any((folder / f"model.safetensors{end}").is_file() for end in ("", ".index.json")):
        return
    pickled = sorted(p.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for p in folder.glob(pattern))
    if pickled:
        raise UserError(
            f"model={folder}: only pickled weights ({pickled[0]}), which can run code; "
            "convert them to safetensors (save_pretrained does)"
        )
    raise UserError(f"model={folder}: has no weights (model.safetensors)")


def _from_pretrained(folder: Path, attention: str) -> tuple[Any, dict[str, Any]]:
    from transformers import AutoModel
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()  # heads that are not used are no news; missing tensors are looked at below
    try:
        return AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True,
            attn_implementation=attention, dtype=torch.float32,
        )  # fmt: skip
    except Exception as error:  # the libraries raise many kinds: a broken config, a truncated file, an unknown type
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"model={folder}: cannot be loaded: {reason}") from error
    finally:
        logging.set_verbosity(before)


def load_tokenizer(folder: Path, *, vocabulary: int) -> tuple[Tokenizer, int]:
    """The folder's tokenizer and the id of its padding token; `vocabulary` is the number of the model's embeddings.

    Raises:
        UserError: there is none, or it has ids that the model has no embedding for.
    """
    if (folder / "tokenizer.json").is_file():
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises bare Exception
            raise UserError(f"model={folder}: cannot read tokenizer.json: {error}") from error
    else:
        tokenizer = _converted(folder)
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if largest >= vocabulary:
        raise UserError(
            f"model={folder}: the tokenizer has {largest + 1} tokens, the model only {vocabulary} embeddings: "
            "they do not belong together"
        )
    pads = [tokenizer.token_to_id(name) for name in ("[PAD]", "<pad>")]
    return tokenizer, next((pad for pad in pads if pad is not None), 0)


def _converted(folder: Path) -> Tokenizer:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"model={folder}: has no tokenizer that can be read ({reason})") from error


def longest_input(config: Any) -> int:
    """How many tokens a model has positions for; RoBERTa's first positions belong to padding."""
    positions = int(getattr(config, "max_position_embeddings", 512))
    return positions - config.pad_token_id - 1 if "roberta" in config.model_type else positions
