"""The one error that is a user's mistake rather than a fault."""


class UserError(ValueError):
    """A mistake the user can mend: one line naming the key, the value and the options. Exit code 2, no traceback."""
