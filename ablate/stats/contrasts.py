"""Contrasts: linear expressions and ratios over arm names, and their value per seed. Imports no scipy."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from ablate.errors import UserError

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)
            |(?P<arm>[A-Za-z_]\w*|'[^']+'|"[^"]+")
            |(?P<sign>[-+*/()]))""",
    re.VERBOSE,
)
_MAX_DEPTH = 20  # of brackets and signs: a deeper expression is a mistake, and recursion has a floor
_CONSTANT = ""  # the key of a linear form's constant; no arm has an empty name

Linear = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One number per seed: `sum_arm coefficient * score`, or with `log` the same sum over logarithms of the scores."""

    coefficients: tuple[tuple[str, float], ...]
    log: bool = False

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms in order of first mention."""
        return tuple(arm for arm, _ in self.coefficients)

    @property
    def total(self) -> float:
        """The sum of the coefficients: 0 for a comparison."""
        return float(sum(coefficient for _, coefficient in self.coefficients))

    @property
    def magnitude(self) -> float:
        """The sum of the absolute coefficients, which bounds how rounding errors grow."""
        return float(sum(abs(coefficient) for _, coefficient in self.coefficients))


def parse_linear(text: str) -> Contrast:
    """Read a linear expression such as `ab - a - b + base`, `student - 0.97*teacher` or `(ab - b) - 0.5*(a - base)`.

    An arm whose name holds other characters than letters, digits and `_` is written in quotes. Raises UserError on
    anything else: products and quotients of arms, constants, arms that cancel out.
    """
    form = _Parser(text).parse()
    if form.pop(_CONSTANT, 0.0) != 0.0:
        raise UserError(f"contrast {text!r}: a number stands alone; a stated gain belongs in `threshold` or `margin`")
    coefficients = tuple((arm, value) for arm, value in form.items() if abs(value) > 1e-12)
    if not coefficients:
        raise UserError(f"contrast {text!r}: nothing is left of it: every arm cancels out")
    return Contrast(coefficients=coefficients)


def parse_ratio(text: str) -> Contrast:
    """Read `base / new` into the contrast `log base - log new`. Raises UserError unless it names two different arms."""
    kinds = [(kind, token.strip("'\"")) for kind, token in _tokens(text)]
    if [kind for kind, _ in kinds] != ["arm", "sign", "arm"] or kinds[1][1] != "/":
        raise UserError(f"contrast {text!r}: a speed claim takes the ratio of two arms, such as `base / new`")
    numerator, denominator = kinds[0][1], kinds[2][1]
    if numerator == denominator:
        raise UserError(f"contrast {text!r}: {numerator!r} is compared with itself")
    return Contrast(coefficients=((numerator, 1.0), (denominator, -1.0)), log=True)


def difference(minuend: str, subtrahend: str) -> Contrast:
    """The contrast `minuend - subtrahend`."""
    return Contrast(coefficients=((minuend, 1.0), (subtrahend, -1.0)))


def check_arms(contrast: Contrast, arms: Collection[str]) -> None:
    """Raise UserError, with the nearest names, when the contrast names an arm that is not among `arms`."""
    for arm in contrast.arms:
        if arm not in arms:
            near = difflib.get_close_matches(arm, arms, n=3) or sorted(arms)
            raise UserError(f"contrast names the unknown arm {arm!r}; did you mean one of: {', '.join(near)}?")


def evaluate(contrast: Contrast, scores: Mapping[str, Float64[np.ndarray, "*shape"]]) -> Float64[np.ndarray, "*shape"]:
    """The contrast of arrays of equal shape: `(num_seeds,)` per arm, or with more axes for examples or simulations.

    A log contrast of scores that are not positive is nan.
    """
    terms = [value * _scale(scores[arm], log=contrast.log) for arm, value in contrast.coefficients]
    return np.asarray(np.sum(terms, axis=0))


def resolution(contrast: Contrast, scores: Mapping[str, Float64[np.ndarray, "..."]]) -> float:
    """The spread below which the contrast varies by rounding only: 1e-12 of the size of what was subtracted."""
    largest = max(float(np.max(np.abs(_scale(scores[arm], log=contrast.log)), initial=0.0)) for arm in contrast.arms)
    return 1e-12 * contrast.magnitude * (max(1.0, largest) if contrast.log else largest)


def _scale(scores: Float64[np.ndarray, "..."], *, log: bool) -> Float64[np.ndarray, "..."]:
    if not log:
        return scores
    return np.asarray(np.log(np.where(scores > 0, scores, np.nan)))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise UserError(f"contrast {text!r}: cannot read {text[position:].strip()!r}")
        position = match.end()
        yield str(match.lastgroup), match[str(match.lastgroup)]


class _Parser:
    """Recursive descent over `sum := term (+|- term)*`, `term := factor (*|/ factor)*`; the values are linear forms."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [*_tokens(text), ("end", "the end")]
        self.position = 0
        self.depth = 0

    def parse(self) -> Linear:
        form = self._sum()
        if self._kind() != "end":
            raise self._error()
        return form

    def _sum(self) -> Linear:
        form = self._term()
        while self._token() in ("+", "-"):
            sign = 1.0 if self._take() == "+" else -1.0
            other = self._term()
            form = {arm: form.get(arm, 0.0) + sign * other.get(arm, 0.0) for arm in {**form, **other}}
        return form

    def _term(self) -> Linear:
        form = self._factor()
        while self._token() in ("*", "/"):
            operator, other = self._take(), self._factor()
            form = self._divided(form, other) if operator == "/" else self._multiplied(form, other)
        return form

    def _factor(self) -> Linear:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise UserError(f"contrast {self.text[:40]!r}...: more than {_MAX_DEPTH} nested brackets or signs")
        kind, token = self._kind(), self._token()
        if kind == "end" or token in ("*", "/", ")"):
            raise self._error()
        self._take()
        form = self._opened(token) if kind == "sign" else self._leaf(kind, token)
        self.depth -= 1
        return form

    def _opened(self, sign: str) -> Linear:
        if sign == "(":
            form = self._sum()
            if self._token() != ")":
                raise self._error()
            self._take()
            return form
        factor = -1.0 if sign == "-" else 1.0
        return {arm: factor * value for arm, value in self._factor().items()}

    def _leaf(self, kind: str, token: str) -> Linear:
        return {_CONSTANT: float(token)} if kind == "number" else {token.strip("'\""): 1.0}

    def _multiplied(self, left: Linear, right: Linear) -> Linear:
        number, form = (left, right) if set(left) == {_CONSTANT} else (right, left)
        if set(number) != {_CONSTANT}:
            raise UserError(f"contrast {self.text!r}: arms are multiplied; only a number may multiply an arm")
        return {arm: number[_CONSTANT] * value for arm, value in form.items()}

    def _divided(self, form: Linear, number: Linear) -> Linear:
        if set(number) != {_CONSTANT} or number[_CONSTANT] == 0.0:
            raise UserError(f"contrast {self.text!r}: only a number other than 0 may divide; ratios are for kind speed")
        return {arm: value / number[_CONSTANT] for arm, value in form.items()}

    def _kind(self) -> str:
        return self.tokens[self.position][0]

    def _token(self) -> str:
        return self.tokens[self.position][1]

    def _take(self) -> str:
        self.position += 1
        return self.tokens[self.position - 1][1]

    def _error(self) -> UserError:
        return UserError(f"contrast {self.text!r}: expected an arm, a number or a bracket, found {self._token()}")
