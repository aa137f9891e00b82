"""What a value that a user gave is; to Python `true` is a number, too."""

from typing import Any


def is_number(value: Any) -> bool:
    """Whether it is a number, and not true or false."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
