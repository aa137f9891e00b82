"""An installed ablate finds its configs inside the package, from whatever directory it is called."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with what pyproject.toml puts into the wheel: its packages and its forced inclusions."""
    folder = tmp_path_factory.mktemp("site")
    for source, target in [*((package, package) for package in WHEEL["packages"]), *WHEEL["force-include"].items()]:
        shutil.copytree(REPOSITORY / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def installed(site, where, *arguments):
    """A process that knows ablate from `site` alone, started in `where`."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=where, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(site)},
    )  # fmt: skip


def test_the_wheel_ships_every_config(site):
    shipped = {path.relative_to(site / "ablate" / "_conf") for path in (site / "ablate" / "_conf").rglob("*.*")}
    assert shipped == {path.relative_to(REPOSITORY / "conf") for path in (REPOSITORY / "conf").rglob("*.*")}
    assert (site / "hydra_plugins").is_dir()  # the sweeper that conf/ names


def test_an_installed_package_prefers_its_own_configs(site, tmp_path):
    (tmp_path / "conf").mkdir()  # a folder of that name in the current directory is nobody's
    done = installed(site, tmp_path, "-c", "from ablate.config.paths import conf_dir; print(conf_dir())")
    assert done.stdout.strip() == str(site / "ablate" / "_conf"), done.stderr


def test_the_command_works_from_an_empty_directory(site, tmp_path):
    done = installed(site, tmp_path, "-m", "ablate", "--cfg", "job", "+exp=no_nsp", "scale=gpu")
    assert done.returncode == 0, done.stderr
    assert "nsp: false" in done.stdout.splitlines() and "  name: gpu" in done.stdout.splitlines()
    assert not list(tmp_path.iterdir())


def test_the_console_script_is_the_same_function():
    module, function = PROJECT["project"]["scripts"]["ablate"].split(":")
    assert (module, function) == ("ablate.__main__", "main")
