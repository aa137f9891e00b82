"""What another process writes, sooner or later."""

import time
from pathlib import Path


def holds_soon(path: Path, text: str, *, seconds: float = 60.0) -> bool:
    """Whether a file holds the text by then: wandb's own process writes its record, perhaps after the run has ended."""
    until = time.monotonic() + seconds
    while text.encode() not in path.read_bytes():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True
