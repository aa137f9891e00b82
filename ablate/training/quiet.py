"""Third parties' chatter, kept off the terminal: a run prints what is about the run."""

import logging
import warnings

from transformers.utils import logging as transformers_logging


def quieten() -> None:
    """Keep warnings and errors; drop tips, device lists, progress bars of saves and a deprecation inside Lightning."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings(
        "ignore", message=r".*isinstance\(treespec, LeafSpec\)", module=r"pytorch_lightning\.utilities.*"
    )
