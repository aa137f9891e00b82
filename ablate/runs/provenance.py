"""Where a run comes from: code, packages, hardware, data."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

PACKAGES = (
    "ablate",
    "torch",
    "pytorch-lightning",
    "hydra-core",
    "omegaconf",
    "transformers",
    "tokenizers",
    "datasets",
    "numpy",
)


def provenance(*, run_id: str, identity: dict[str, Any], fingerprint: str, device: torch.device) -> dict[str, Any]:
    """The content of provenance.json; `sessions` grows by one each time that the run is resumed."""
    return {
        "run_id": run_id,
        "identity": identity,
        "data_fingerprint": fingerprint,
        "sessions": [session(device)],
    }


def session(device: torch.device) -> dict[str, Any]:
    """One start of the process: when, which code, which packages, which hardware."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        **git_state(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "hardware": hardware(device),
    }


def git_state(source: Path = Path(__file__)) -> dict[str, Any]:
    """`git_sha` and `git_dirty` of the checkout that the code runs from; null where git knows of none.

    Code that lies inside somebody else's checkout (in its virtual environment, say) is not of it: git has to know
    `source`, a file of the code.
    """
    folder = source.parent
    known = _git(folder, "ls-files", "--error-unmatch", source.name) is not None
    sha = _git(folder, "rev-parse", "HEAD") if known else None
    status = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"git_sha": sha, "git_dirty": None if None in (sha, status) else bool(status)}


def commit_text(sha: str, dirty: bool | None) -> str:
    """A commit, and whether the code had changes that are not in it; None where that is not known."""
    if dirty is None:
        return f"{sha}, whether changed is not known"
    return f"{sha}, changed" if dirty else sha


def hardware(device: torch.device) -> dict[str, Any]:
    """Processor, cores, threads, and the GPU where one is used."""
    described = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device.type,
    }
    if device.type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
    return described


def _processor() -> str:
    """Its name, with family and model where they are said: one name is sold for several generations."""
    info = Path("/proc/cpuinfo")
    lines = [line.split(":", 1) for line in info.read_text().splitlines() if ":" in line] if info.exists() else []
    said = {key.strip(): value.strip() for key, value in lines}
    name = said.get("model name") or platform.processor() or platform.machine()
    return (
        f"{name} (family {said['cpu family']}, model {said['model']})" if {"cpu family", "model"} <= set(said) else name
    )


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
