"""The one error that is a user's mistake rather than a fault, and how others are said."""


class UserError(ValueError):
    """A mistake the user can mend: one line naming the key, the value and the options. Exit code 2, no traceback."""


def one_line(error: BaseException) -> str:
    """What an error is and says, without what follows its first line."""
    return f"{type(error).__name__}: {error}".split("\n")[0]
