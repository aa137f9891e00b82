"""Where conf/ is: beside the package in a checkout, inside it when installed from a wheel."""

from pathlib import Path
from typing import Any

import platformdirs

_PACKAGE = Path(__file__).resolve().parent.parent


def conf_dir() -> Path:
    """The folder of config groups."""
    shipped = _PACKAGE / "_conf"
    return shipped if shipped.is_dir() else _PACKAGE.parent / "conf"


def user_cache() -> str:
    """The platform's cache folder for ablate, such as ~/.cache/ablate."""
    return str(platformdirs.user_cache_path("ablate"))


def given_dirs(hydra_cfg: Any) -> tuple[Path, ...]:
    """The folders of the user's own groups, of a composed config's hydra node."""
    return tuple(Path(source.path) for source in hydra_cfg.runtime.config_sources if source.provider == "command-line")
