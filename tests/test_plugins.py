"""docs/plugins.md is true: its files are written as they stand there, and its command trains its arm."""

import json
import re
import shlex
from pathlib import Path

import pytest
from safetensors.torch import load_file

PAGE = (Path(__file__).parent.parent / "docs" / "plugins.md").read_text()
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def workplace(tmp_path):
    """A folder with the page's files: each code block whose first line is a comment with its name."""
    for language, text in BLOCK.findall(PAGE):
        if language in ("python", "yaml"):
            name, content = text.split("\n", 1)
            path = tmp_path / name.removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    (tmp_path / "mine" / "__init__.py").touch()
    return tmp_path


def the_command():
    """The page's one command line, as arguments of `python -m ablate`."""
    (line,) = [text for language, text in BLOCK.findall(PAGE) if language == "bash"]
    program, *arguments = shlex.split(line)[2:]
    assert program == "ablate"
    return arguments


def test_the_pages_list_of_files_is_what_it_shows(workplace):
    (listed,) = [text.split() for language, text in BLOCK.findall(PAGE) if not language]
    written = {str(path.relative_to(workplace)) for path in workplace.rglob("*.*")}
    assert set(listed) == written


def test_the_pages_command_trains_with_every_part(workplace, command):
    arguments = [*the_command(), "trainer.threads=1", "trainer.accelerator=cpu", "scale.tokens=4096", "scale.batch=8"]
    environment = {"ABLATE_CACHE": str(workplace / "cache")}
    done = command(*arguments, cwd=workplace, **environment)
    assert done.returncode == 0, done.stderr
    (path,) = workplace.glob("outputs/*/*/seed-0/result.json")
    record = json.loads(path.read_text())
    assert record["status"] == "ok"
    assert path.parts[-4] == "adhoc.smoke.riddles"  # the source
    assert 0 < record["metrics"]["val/top5_accuracy"] <= 1  # the metric
    assert "gru.weight_ih_l0" in load_file(path.parent / "model" / "model.safetensors")  # the model
    identity = json.loads((path.parent / "provenance.json").read_text())["identity"]
    assert identity["loss"] == {"_target_": "mine.objectives.Smoothed", "smoothing": 0.1}
    assert identity["masking"] == {"_target_": "mine.masking.RunMasking", "rate": 0.15}


@pytest.mark.parametrize(
    ("override", "says"),
    [("masking.rate=0.7", "masking.rate=0.7: must be above 0"),
     ("+loss.smoothness=1", "loss.smoothness: no such key for Smoothed"),
     ("loss._target_=mine.objectives.Smoth", "loss._target_=mine.objectives.Smoth: cannot be imported")],
)  # fmt: skip
def test_mistakes_in_a_users_parts_are_one_line_too(workplace, monkeypatch, override, says):
    from ablate.errors import UserError
    from ablate.sweep import plan

    monkeypatch.chdir(workplace)
    monkeypatch.syspath_prepend(str(workplace))
    with pytest.raises(UserError) as refused:
        plan(["+exp=mine", "data=riddles", override], multirun=False, config_dirs=(workplace / "conf",))
    assert str(refused.value).startswith(says) and "\n" not in str(refused.value)
