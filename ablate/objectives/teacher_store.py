"""Teacher outputs on disk: what the arms of one seed, which see the same masks, need to compute only once."""

import hashlib
import os
from pathlib import Path

from jaxtyping import Int64
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ablate.data.batches import Batch
from ablate.objectives.outputs import Asked, Given

_FIELDS = ("logits", "classes", "log_normaliser", "hidden")


class TeacherStore:
    """A folder of one teacher's outputs, a file per microbatch; several processes may read and write at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> Given | None:
        """What was kept; None where nothing was, or where a file is broken."""
        try:
            found = load_file(self._path(key))
        except (FileNotFoundError, SafetensorError):
            return None
        return Given(found.get("logits"), found.get("classes"), found.get("log_normaliser"), found.get("hidden"))

    def write(self, key: str, given: Given) -> None:
        """Keep the outputs, whole or not at all."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        found = {name: getattr(given, name) for name in _FIELDS}
        save_file({name: one.contiguous().cpu() for name, one in found.items() if one is not None}, part)
        part.replace(path)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"


def key_of(batch: Batch, positions: Int64[Tensor, " n"], asked: Asked) -> str:
    """Identifies an input and what is asked of it by content, whatever arm, update or run it is in."""
    made = hashlib.blake2b(repr(asked).encode(), digest_size=16)
    for one in (batch["input_ids"], batch["attention_mask"], batch["token_type_ids"], positions):
        made.update(b"none" if one is None else repr(tuple(one.shape)).encode() + one.cpu().numpy().tobytes())
    return made.hexdigest()
