"""What the documentation says can be done can be done: its commands parse, its links lead somewhere."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from ablate.config.compose import check_composes
from ablate.config.paths import conf_dir

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GROUPS = {path.name for path in conf_dir().iterdir() if path.is_dir()}
MADE_UP = {"mine", "gru", "smoothed", "run", "riddles", "warm", "submitit_slurm"}  # made by a page, or another's
OTHERS = re.compile(r"hydra\.launcher\.(?!jobs|threads)")  # keys of others' launchers


def lines(page):
    """The lines of a page's code blocks; one that ends in a backslash goes on in the next."""
    code = "\n".join(FENCED.findall(page.read_text())).replace("\\\n", " ")
    return [line.strip().removeprefix("$ ") for line in code.splitlines()]


def found(pattern):
    """(page, line) of every line of code that begins so."""
    return [
        pytest.param(line, id=f"{page.name}-{line[:50]}")
        for page in PAGES for line in dict.fromkeys(lines(page)) if re.match(pattern, line)
    ]  # fmt: skip


COMMANDS = found(r"(\w+=\S+ )*(python -m ablate|ablate )")
MAKES = found(r"make\b")


def parsed(line):
    """(module, overrides, whether it sweeps) of a line such as `python -m ablate.show +exp=no_nsp --rows 2  # why`."""
    words = [word for word in shlex.split(line, comments=True) if word not in ("python", "|", "&&")]
    while re.match(r"[A-Z_]+=", words[0]):  # environment variables
        words.pop(0)
    if words[0] == "-m":
        words.pop(0)
    overrides = [word for word in words[1:] if re.match(r"[+~]{0,2}[\w./@]+=", word)]
    return words[0], overrides, "-m" in words[1:] or "--multirun" in words[1:]


def is_ours(override):
    """Whether an override can be composed here: neither a placeholder nor an option that a page makes up."""
    if OTHERS.match(override):
        return False
    return not set(re.split(r"[=,]", override)[1:]) & MADE_UP and not re.search(r"[<>]|\.\.\.", override)


def test_there_are_commands_to_look_at():
    assert any(str(param.values[0]).startswith("make run") for param in MAKES)
    assert any("--config-dir" in str(param.values[0]) for param in COMMANDS)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_a_module_and_composes(line):
    module, overrides, multirun = parsed(line)
    assert importlib.util.find_spec(module) is not None
    if module in ("ablate", "ablate.show", "ablate.plan"):
        single = [re.sub(r"^(\+?\w+)=([\w./]+),.*", r"\1=\2", one) if multirun else one for one in overrides]
        check_composes([one for one in single if is_ours(one)])


@pytest.mark.parametrize("line", COMMANDS)
def test_every_option_of_a_group_exists(line):
    module, overrides, _ = parsed(line)
    free = {"model"} if module in ("ablate.finetune", "ablate.measure") else set()  # there it is a run or a folder
    for override in overrides:
        key, _, values = override.lstrip("+~").partition("=")
        if key in GROUPS - free and is_ours(override):
            options = {path.stem for path in (conf_dir() / key).glob("*.yaml")}
            assert set(values.strip("[]").split(",")) <= options


@pytest.mark.parametrize("line", MAKES)
def test_every_make_target_exists(line):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    words = [word for word in shlex.split(line, comments=True)[1:] if "=" not in word]
    assert set(words) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_internal_link_leads_somewhere(page):
    text = FENCED.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        other = page.parent / path if path else page
        assert other.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", FENCED.sub("", other.read_text()), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_config_file_and_group_named_exists(page):
    text = page.read_text()
    for name in re.findall(r"`conf/([\w./-]+)`", text):
        made_up = Path(name).stem in MADE_UP
        assert made_up or (conf_dir() / name).exists(), name
    for group, option in re.findall(r"`\+?([a-z]+)=([a-z_0-9]+)`", text):
        if group in GROUPS and option not in MADE_UP:
            assert (conf_dir() / group / f"{option}.yaml").exists(), f"{group}={option}"


def test_the_results_in_the_readme_are_those_of_the_reports():
    """Every claim tried at scale=laptop stands there, word for word as in the index over all reports."""
    index = (ROOT / "reports" / "index.md").read_text().split("## Beside the papers")[1]
    known = [row for row in index.splitlines() if "| laptop, " in row]
    section = (ROOT / "README.md").read_text().split("## What was found so far")[1].split("\n## ")[0]
    assert [row.replace("](reports/", "](") for row in section.splitlines() if "/report.md)" in row] == known
    assert len(known) > 5
