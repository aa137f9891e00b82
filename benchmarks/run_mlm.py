"""Text to blocks as transformers' run_mlm example does it: two datasets.map calls, a thousand documents at a time."""

from itertools import chain
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset


def blocks(file: Path, tokenizer: Any, cache: Path, *, length: int) -> Dataset:
    """A jsonl file's texts, tokenised with special-token masks, joined and cut into blocks of `length`."""
    raw = load_dataset("json", data_files=str(file), split="train", cache_dir=str(cache))

    def tokenise(examples: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        return tokenizer(examples["text"], return_special_tokens_mask=True)

    def group(examples: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
        joined = {key: list(chain(*values)) for key, values in examples.items()}
        total = len(joined["input_ids"]) // length * length
        return {key: [v[i : i + length] for i in range(0, total, length)] for key, v in joined.items()}

    return raw.map(tokenise, batched=True, remove_columns=["text"]).map(group, batched=True)
