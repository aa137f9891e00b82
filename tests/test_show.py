"""`python -m ablate.show`: what it prints is the batch that is trained on, and the arm's true diff."""

import re

import pytest

from ablate.errors import UserError
from ablate.show import build_parser, show


@pytest.fixture
def shown(tiny, capsys, tmp_path, monkeypatch):
    """What the command prints for some arguments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        assert show(build_parser().parse_intermixed_args([*tiny, *arguments])) == 0
        return capsys.readouterr().out

    return run


def sequences(text):
    """Per sequence: its heading, and its tokens as they stand."""
    parts = re.split(r"^sequence \d+: ", text, flags=re.MULTILINE)[1:]
    return [(part.split("\n", 1)[0], re.sub(r"token type \d: ", "", part.split("\n", 1)[1]).split()) for part in parts]


def test_a_pair_arm_shows_segments_types_masks_and_labels(shown):
    text = shown("--rows", "3")
    assert text.startswith("BERT's recipe, the baseline")
    rows = sequences(text)
    assert len(rows) == 3
    assert text.count("token type 0:") == text.count("token type 1:") == 3
    for heading, tokens in rows:
        length, masked, relation = re.fullmatch(r"(\d+) tokens, (\d+) masked, B (.*)", heading).groups()
        assert relation in ("continues A", "is random")
        assert len(tokens) == int(length) and tokens[0] == "[CLS]" and tokens[-1] == "[SEP]"
        assert tokens.count("[SEP]") == 2
        assert sum(">" in token for token in tokens) == int(masked)
        assert int(masked) == max(round(0.15 * (int(length) - 3)), 1)


def test_a_single_format_has_one_token_type_and_no_relation(shown):
    text = shown("+exp=doc_sentences")
    assert "token type 1" not in text and "continues" not in text and "random" not in text
    assert all(tokens.count("[CLS]") == 1 for _, tokens in sequences(text))


def test_the_diff_lists_what_the_arm_changes_and_nothing_else(shown):
    table = shown("+exp=no_nsp").split("update 0")[0]
    keys = re.findall(r"^\W*([a-z_]+(?:\.[a-z_]+)*) +\W+ +True +\W+ +False", table, flags=re.MULTILINE)
    assert keys == ["loss.nsp", "nsp"]


def test_rows_and_update_choose_what_is_shown(shown):
    assert len(sequences(shown("--rows", "1"))) == 1
    assert len(sequences(shown("--rows", "9999"))) > 4
    first, again, second = shown(), shown("--update", "0"), shown("--update", "1")
    assert first == again != second and "update 1:" in second


def test_an_update_is_shown_whole_however_it_is_split_for_training(shown):
    assert shown("trainer.accumulate=3") == shown()


def test_the_same_seed_shows_the_same_text_with_and_without_nsp(shown):
    assert sequences(shown("--rows", "99")) == sequences(shown("+exp=no_nsp", "--rows", "99"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["+exp=no_nps"], "nearest: no_nsp"), (["optim.lr=-1"], "optim.lr=-1"), (["input.length=513"], "max_length")],
)
def test_mistakes_are_those_of_the_main_command(shown, arguments, says):
    with pytest.raises(UserError, match=says):
        shown(*arguments)


def test_a_wrong_flag_is_one_line():
    for flag in ("--rows=many", "--update=-1"):
        with pytest.raises(UserError, match="see --help"):
            build_parser().parse_intermixed_args([flag])
