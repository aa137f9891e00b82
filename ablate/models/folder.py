"""A run's model folder: weights and tokenizer, as Hugging Face's auto classes load them."""

import json
import shutil
from pathlib import Path

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
