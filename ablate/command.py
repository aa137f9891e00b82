"""The command line of everything but the main job: overrides in, one clear line and exit code 2 on a mistake."""

import argparse
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ablate.errors import UserError

OK, FAULT, MISTAKE, INTERRUPTED = 0, 1, 2, 130


class Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are a UserError's one line."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise UserError(f"{message}; see --help")


def parser(module: str, description: str, *, examples: str) -> Parser:
    """A parser for `python -m <module> [overrides]` with `--config-dir`."""
    made = Parser(
        prog=f"python -m {module}", description=description, epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("overrides", nargs="*", help="as for python -m ablate: group=option, key=value, +exp=arm")
    made.add_argument("--config-dir", "-cd", type=Path, default=None, help="a folder with your own groups")
    return made


def main(run: Callable[[argparse.Namespace], int], made: Parser) -> NoReturn:
    """Parse, run, exit: with the run's code, 2 on a user's mistake, 1 on a fault (with its traceback)."""
    try:
        sys.exit(run(made.parse_intermixed_args()))
    except UserError as error:
        print(f"ablate: {error}", file=sys.stderr)
        sys.exit(MISTAKE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # `| head` has seen enough
        sys.stderr.close()
        sys.exit(OK)
    except Exception:
        traceback.print_exc()
        sys.exit(FAULT)


def check_writable(folder: Path, *, key: str) -> None:
    """Make a folder, and be sure that files can be written there.

    Raises:
        UserError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{key}={folder}: cannot be written ({error.strerror})") from error


def config_dirs(arguments: argparse.Namespace) -> tuple[Path, ...]:
    """The user's folder of groups, if one was given."""
    return (arguments.config_dir,) if arguments.config_dir else ()


def take(overrides: list[str], key: str) -> tuple[str, list[str]]:
    """The value of `key=value` among overrides, and the other overrides: for a key that is also a group's name.

    Raises:
        UserError: the key is not given, or twice.
    """
    values = [text.partition("=")[2] for text in overrides if text.startswith(f"{key}=")]
    if len(values) != 1 or not values[0]:
        raise UserError(f"{key}: needs one value, say {key}=...")
    return values[0], [text for text in overrides if not text.startswith(f"{key}=")]
