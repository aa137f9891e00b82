"""What arms differ in: their changes as factors with levels, and how levels are called."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ablate.config.science import FROM_TEACHER
from ablate.config.values import is_number
from ablate.report.material import Material
from ablate.report.units import short_number
from ablate.report.words import counted
from ablate.studies.factors import factors_of

Changed = Mapping[str, tuple[object, object]]
Level = tuple[tuple[str, str], ...]  # the keys that differ from the baseline with their values; () is the baseline's
_TELLING = ("format", "name", "_target_")  # keys that say most, where they tell levels apart
_SAID = {"ablate.models.init.by_name": "random values", FROM_TEACHER: "teacher's layers"}
_PART_OF = {"teacher": "loss"}  # a teacher acts through the loss and through nothing else
_UNTOLD = ("seed", "tokenizer.corpus", "recipe_version")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Every arm's level of every factor that differs anywhere in the study, and the values behind the levels."""

    of_arm: dict[str, dict[str, Level]]
    values: dict[tuple[str, Level], dict[str, Any]]
    base: dict[str, Any]

    @property
    def factors(self) -> list[str]:
        """Factors in which some arm differs from the baseline."""
        return list(dict.fromkeys(name for levels in self.of_arm.values() for name in levels))

    def level(self, arm: str, factor: str) -> Level:
        """The arm's level; () where it is the baseline's."""
        return self.of_arm[arm].get(factor, ())

    def context(self, arm: str, *, without: Iterable[str]) -> tuple[tuple[str, Level], ...]:
        """The arm's levels of all other factors: equal for arms that may share a plot."""
        return tuple(sorted(item for item in self.of_arm[arm].items() if item[0] not in set(without)))

    def value(self, factor: str, level: Level, key: str) -> Any:
        """What a key is at a level."""
        return self.values.get((factor, level), {}).get(key, self.base.get(key))

    def names(self, factor: str, levels: Iterable[Level], *, arms: Mapping[Level, str]) -> dict[Level, str]:
        """Names that tell the levels apart: of the one key that does, else of an arm at each level.

        One of several weights says too little, such as `soft 5` of a loss that has five terms.
        """
        levels = list(levels)
        keys = sorted({key for level in levels for key, _ in level}, key=_telling)
        weights = [key for key in keys if any(is_number(self.value(factor, level, key)) for level in levels)]
        if len(weights) > 1 and self.number(factor, levels) is None:
            keys = [key for key in keys if key not in weights]
        for key in keys:
            said = {level: _say(key, self.value(factor, level, key)) for level in levels}
            if len(set(said.values())) == len(levels):
                return said
        return {level: arms[level] for level in levels}

    def number(self, factor: str, levels: Iterable[Level]) -> str | None:
        """A key whose values are different numbers at these levels, if nothing but numbers above 0 differs."""
        levels = list(levels)
        keys = sorted({key for level in levels for key, _ in level})
        values = {key: [self.value(factor, level, key) for level in levels] for key in keys}
        numeric = all(is_number(v) and v > 0 for one in values.values() for v in one)
        return next((key for key in keys if len(set(values[key])) == len(levels)), None) if numeric else None


def layout_of(material: Material) -> Layout:
    """The layout of the study's arms whose recipes are known."""
    arms = [arm for arm in material.judgement.study.arms if arm in material.changes]
    of_arm: dict[str, dict[str, Level]] = {}
    values: dict[tuple[str, Level], dict[str, Any]] = {}
    base: dict[str, Any] = {}
    for arm in arms:
        of_arm[arm] = {}
        for factor, changed in by_factor(material.changes[arm]).items():
            level = tuple(sorted((key, repr(new)) for key, (_, new) in changed.items()))
            of_arm[arm][factor] = level
            values[factor, level] = {key: new for key, (_, new) in changed.items()}
            base |= {key: old for key, (old, _) in changed.items()}
    return Layout(of_arm=of_arm, values=values, base=base)


def by_factor(changed: Changed) -> dict[str, dict[str, tuple[object, object]]]:
    """Changed keys by the factor that covers them most narrowly; where two do, by the one that has another change."""
    keys = [key for key in changed if key not in _UNTOLD]
    narrowest = {key: factors_of(key) or (key.split(".")[0],) for key in keys}
    sure = {names[0] for names in narrowest.values() if len(names) == 1}
    found: dict[str, dict[str, tuple[object, object]]] = {}
    for key, names in narrowest.items():
        factor = next((name for name in names if name in sure), names[0])
        factor = _PART_OF.get(factor, factor)
        found.setdefault(factor, {})[key] = changed[key]
    return found


def _telling(key: str) -> tuple[int, str]:
    last = key.rsplit(".", 1)[-1]
    return (_TELLING.index(last) if last in _TELLING else len(_TELLING), key)


def _say(key: str, value: object) -> str:
    last = key.rsplit(".", 1)[-1]
    if str(value) in _SAID:
        return _SAID[str(value)]
    if last in _TELLING:
        return str(value).rsplit(".", 1)[-1].replace("_", " ")
    name = last.replace("_", " ")
    if key == "masking.copies":
        return "masks drawn anew" if value is None else counted(int(str(value)), "fixed mask")
    if isinstance(value, bool):
        return f"{name} {'on' if value else 'off'}"
    if isinstance(value, int | float):
        return f"{name} {short_number(value) if abs(value) >= 1000 else f'{value:g}'}"
    return f"{name} {'none' if value is None else value}"
