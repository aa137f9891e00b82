"""Which factor a changed key belongs to, and how levels are called."""

import pytest

from ablate.config.science import FROM_TEACHER
from ablate.report.figures.levels import Layout, by_factor

FORMAT = "ablate.data.formats."


@pytest.mark.parametrize(
    ("changed", "factors"),
    [
        (("nsp", "loss.nsp"), {"nsp": ["nsp", "loss.nsp"]}),
        (("input._target_", "model.token_types"), {"input": ["input._target_", "model.token_types"]}),
        (("model.layers", "model.token_types"), {"model": ["model.layers", "model.token_types"]}),
        (("data.fraction", "tokenizer.corpus"), {"data_fraction": ["data.fraction"]}),
        (("optim.batch_tokens", "optim.lr", "optim.betas"),
         {"batch": ["optim.batch_tokens"], "learning_rate": ["optim.lr"], "optimizer": ["optim.betas"]}),
        (("loss.alpha", "teacher.path", "init.std"),
         {"loss": ["loss.alpha", "teacher.path"], "initialisation": ["init.std"]}),
        (("mine.key", "seed"), {"mine": ["mine.key"]}),
    ],
)  # fmt: skip
def test_keys_belong_to_their_factor(changed, factors):
    found = by_factor(dict.fromkeys(changed, (0, 1)))
    assert {name: list(keys) for name, keys in found.items()} == factors


def layout(**levels):
    """One factor's levels: by arm, the keys with their values."""
    made = {arm: tuple(sorted((key, repr(value)) for key, value in keys.items())) for arm, keys in levels.items()}
    return made, Layout(
        of_arm={arm: {"f": level} if level else {} for arm, level in made.items()},
        values={("f", made[arm]): keys for arm, keys in levels.items()},
        base={"f._target_": FORMAT + "segment_pair", "f.x": 1, "f.on": True},
    )


def names(**levels):
    made, one = layout(**levels)
    found = one.names("f", made.values(), arms={level: arm for arm, level in made.items()})
    return [found[level] for level in made.values()]


def test_levels_are_called_by_what_tells_them_apart():
    assert names(a={}, b={"f._target_": FORMAT + "full", "f.x": 2}) == ["segment pair", "full"]
    assert names(a={}, b={"f.on": False}) == ["on on", "on off"]
    assert names(a={}, b={"f.x": 0.5}, c={"f.x": None}) == ["x 1", "x 0.5", "x none"]
    assert names(a={}, b={"f.x": 4_000_000}) == ["x 1", "x 4 M"]
    masks = names(a={"masking.copies": 10}, b={"masking.copies": 1}, c={"masking.copies": None})
    assert masks == ["10 fixed masks", "1 fixed mask", "masks drawn anew"]
    starts = names(a={"f._target_": "ablate.models.init.by_name"}, b={"f._target_": FROM_TEACHER, "f.layers": [0, 2]})
    assert starts == ["random values", "teacher's layers"]


def test_levels_that_no_single_key_tells_apart_are_called_by_arms():
    assert names(a={}, b={"f.x": 2}, c={"f.on": False}, d={"f.x": 2, "f.on": False}) == ["a", "b", "c", "d"]


def test_one_of_several_weights_is_no_name():
    assert names(a={"f.soft": 5, "f.cos": 1}, b={"f.soft": 0, "f.cos": 0}, c={"f.soft": 1}) == ["a", "b", "c"]
    assert names(a={"f.x": 1, "f.y": 2}, b={"f.x": 2, "f.y": 4}) == ["x 1", "x 2"]  # a ladder of both


def test_a_number_is_one_only_if_nothing_else_differs():
    made, one = layout(a={}, b={"f.x": 2}, c={"f.x": 4})
    assert one.number("f", made.values()) == "f.x"
    made, one = layout(a={}, b={"f.x": 2, "f.on": False}, c={"f.x": 4})
    assert one.number("f", made.values()) is None
