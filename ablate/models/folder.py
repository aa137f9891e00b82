"""Hugging Face folders: a run's model folder written, and any encoder's folder read as a source of features."""

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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


def save_folder(model: Encoder, tokenizer: Path, folder: Path, *, token_types: bool, length: int) -> None:
    """Write config.json, model.safetensors and the tokenizer's files; whole or not at all.

    length: of the inputs that it was trained on; its positions behind that are as they were drawn.
    """
    with whole(folder) as part:
        names = input_names(token_types=token_types)
        copy_tokenizer(tokenizer, part, model_input_names=names, model_max_length=length)
        model.save(part)


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """A folder beside the one given, which takes its place, whatever was there, once the block is through."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def input_names(*, token_types: bool) -> list[str]:
    """What a tokenizer makes for a model; a model without token types gets none (`model_input_names`)."""
    return ["input_ids", *(["token_type_ids"] if token_types else []), "attention_mask"]


def copy_tokenizer(source: Path, folder: Path, **settings: Any) -> None:
    """Copy a tokenizer's files, with settings changed in tokenizer_config.json."""
    for name in TOKENIZER_FILES:
        shutil.copyfile(source / name, folder / name)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}, indent=1) + "\n")


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


def content_of(folder: Path) -> str:
    """A digest of a folder's weights, config and tokenizer, wherever it lies."""
    hashed = hashlib.blake2b(digest_size=16)
    for file in sorted((*folder.glob("*.safetensors"), *folder.glob("*.json"))):
        hashed.update(file.read_bytes())
    return hashed.hexdigest()


def is_model(path: Path) -> bool:
    """Whether a run's or a Hugging Face folder's model is at a path, or was meant to be."""
    return any((path / name).is_file() for name in ("config.json", "model/config.json", "result.json"))


def model_folder(path: Path, *, key: str = "model") -> Path:
    """The Hugging Face folder at a path: the path itself, or `model/` of a run. `key` is what errors call it.

    Raises:
        UserError: neither is there.
    """
    for folder in (path / "model", path):
        if (folder / "config.json").is_file():
            return folder
    if not path.is_dir():
        raise UserError(f"{key}={path}: no such folder; give a run or a Hugging Face folder")
    if (path / "result.json").is_file() or (path / "provenance.json").is_file():
        raise UserError(f"{key}={path}: this run has no model folder (unfinished, diverged, or shared from another)")
    raise UserError(f"{key}={path}: neither a run nor a Hugging Face folder: there is no config.json")


def load_encoder(folder: Path, *, attention: str = "sdpa", key: str = "model") -> FolderEncoder:
    """The encoder of a Hugging Face folder; only safetensors are read, and no code from the folder is run.

    Raises:
        UserError: no weights, only pickled ones, weights of another model, or no encoder.
    """
    from transformers import AutoModel

    check_weights(folder, key=key)
    loaded, info = from_pretrained(AutoModel, folder, attention=attention, key=key)
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if missing:
        raise UserError(f"{key}={folder}: its weights lack {len(missing)} tensors of the encoder, say {missing[0]}")
    if not _reads_both_ways(loaded):
        raise UserError(f"{key}={folder}: {loaded.config.model_type} is no encoder")
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


def check_weights(folder: Path, *, key: str) -> None:
    """Only safetensors are read.

    Raises:
        UserError: there are none, or only pickled weights.
    """
    if any((folder / f"model.safetensors{end}").is_file() for end in ("", ".index.json")):
        return
    pickled = sorted(p.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for p in folder.glob(pattern))
    if pickled:
        raise UserError(
            f"{key}={folder}: only pickled weights ({pickled[0]}), which can run code; "
            "convert them to safetensors (save_pretrained does)"
        )
    raise UserError(f"{key}={folder}: has no weights (model.safetensors)")


def from_pretrained(auto: Any, folder: Path, *, attention: str, key: str) -> tuple[Any, dict[str, Any]]:
    """The folder's model by one of transformers' auto classes, in float32, and what was missing in its weights.

    Raises:
        UserError: it cannot be loaded; one line says why.
    """
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()  # heads that are not used are no news; missing tensors are the caller's to look at
    try:
        return auto.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True,
            attn_implementation=attention, dtype=torch.float32,
        )  # fmt: skip
    except Exception as error:  # the libraries raise many kinds: a broken config, a truncated file, an unknown type
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{key}={folder}: cannot be loaded: {reason}") from error
    finally:
        logging.set_verbosity(before)


def load_tokenizer(folder: Path, *, vocabulary: int, key: str = "model") -> tuple[Tokenizer, int]:
    """The folder's tokenizer and the id of its padding token; `vocabulary` is the number of the model's embeddings.

    Raises:
        UserError: there is none, or it has ids that the model has no embedding for.
    """
    if (folder / "tokenizer.json").is_file():
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises bare Exception
            raise UserError(f"{key}={folder}: cannot read tokenizer.json: {error}") from error
    else:
        tokenizer = _converted(folder, key=key)
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if largest >= vocabulary:
        raise UserError(
            f"{key}={folder}: the tokenizer has {largest + 1} tokens, the model only {vocabulary} embeddings: "
            "they do not belong together"
        )
    pads = [tokenizer.token_to_id(name) for name in ("[PAD]", "<pad>")]
    return tokenizer, next((pad for pad in pads if pad is not None), 0)


def _converted(folder: Path, *, key: str) -> Tokenizer:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{key}={folder}: has no tokenizer that can be read ({reason})") from error


def longest_input(config: Any) -> int:
    """How many tokens a model has positions for; RoBERTa's first positions belong to padding."""
    positions = int(getattr(config, "max_position_embeddings", 512))
    return positions - config.pad_token_id - 1 if "roberta" in config.model_type else positions


def trained_input(config: Any, folder: Path) -> int:
    """How many of its positions a folder's model was trained on, as its tokenizer says (`model_max_length`)."""
    longest = longest_input(config)
    try:
        said = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get("model_max_length")
    except (OSError, ValueError, AttributeError):
        return longest
    return min(longest, int(said)) if isinstance(said, int | float) and said >= 1 else longest
