"""Documentation strings of installed code: which modules there are, and the prose in them."""

import ast
import gc
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePath

from ablate.data.sources.docstring_prose import prose

_SKIPPED = frozenset(
    {"test", "tests", "idle_test", "_vendor", "site-packages", "dist-packages", "lib2to3", "ensurepip"}
)
_BODIES = ("body", "orelse", "handlers", "finalbody")


def standard_library_modules() -> Iterator[tuple[str, Path]]:
    """Name and file of every module of the standard library, sorted, tests left out."""
    root = Path(sysconfig.get_path("stdlib"))
    yield from _modules((path.relative_to(root), path) for path in root.rglob("*.py"))


def package_modules(package: str) -> Iterator[tuple[str, Path]]:
    """Name and file of every module of an installed distribution, sorted, tests left out; none if not installed."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        return
    yield from _modules((file, Path(str(file.locate()))) for file in files if file.suffix == ".py")


def _modules(files: Iterable[tuple[PurePath, Path]]) -> Iterator[tuple[str, Path]]:
    kept = [
        (_module_name(relative), path)
        for relative, path in files
        if not _SKIPPED.intersection(relative.parts) and relative.parts[0] != ".."
    ]
    yield from sorted(kept)


def _module_name(relative: PurePath) -> str:
    parts = relative.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def docstrings(source: bytes) -> list[str]:
    """The documentation strings in Python source, in order of appearance; none where it does not parse.

    Strings that stand as statements (docstrings of modules, classes, functions and attributes), and at module level
    strings given to something with `doc` in its name (`add_newdoc(...)`, `f.__doc__ = ...`) or to `topics`.
    """
    if b'"""' not in source and b"'''" not in source:
        return []
    enabled = gc.isenabled()
    gc.disable()  # a syntax tree is many small objects without cycles: collecting costs a quarter of the time
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's escape sequences
            tree = ast.parse(source)
        return list(_strings(tree))
    except (SyntaxError, ValueError, RecursionError):
        return []
    finally:
        if enabled:
            gc.enable()


def _strings(tree: ast.Module) -> Iterator[str]:
    """Only statements are visited: expressions hold no docstrings, but for the documented ones at module level."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, str):
                yield node.value.value
        elif isinstance(node, (ast.Expr, ast.Assign)) and node.col_offset == 0 and _documents(node):
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and "\n" in part.value:
                    yield part.value
        for body in reversed(_BODIES):
            children = getattr(node, body, ())
            if isinstance(children, list):  # in an expression `body` is another expression
                stack.extend(reversed(children))


def _documents(node: ast.Expr | ast.Assign) -> bool:
    """Whether a statement's target or called function is about documentation, by its name."""
    target: ast.AST = node.targets[0] if isinstance(node, ast.Assign) else node.value
    while not isinstance(target, (ast.Name, ast.Attribute)):
        inner = getattr(target, "func", None) or getattr(target, "value", None)
        if not isinstance(inner, ast.AST):
            return False
        target = inner
    name = target.id if isinstance(target, ast.Name) else target.attr
    return "doc" in name.lower() or name == "topics"


def read_prose(paths: list[Path], *, workers: int) -> list[list[list[str]]]:
    """Per file, the paragraphs of its documentation strings, each as its sentences; `workers` processes share the work.

    The processes are plain subprocesses: multiprocessing would run the caller's own script again (spawn), or copy a
    process with threads (fork).
    """
    command = [sys.executable, "-c", f"from {__name__} import _worker; _worker()"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONIOENCODING": "utf-8"}
    results: list[list[list[str]]] = [[] for _ in paths]
    with ExitStack() as stack:
        running = []
        for worker in range(workers):
            inbox = stack.enter_context(tempfile.TemporaryFile())
            inbox.write("\n".join(map(str, paths[worker::workers])).encode())
            inbox.seek(0)
            outbox = stack.enter_context(tempfile.TemporaryFile())
            running.append((subprocess.Popen(command, stdin=inbox, stdout=outbox, env=environment), outbox))
        for worker, (process, outbox) in enumerate(running):
            if process.wait():
                raise RuntimeError(f"reading documentation strings: a worker ended with {process.returncode}")
            outbox.seek(0)
            results[worker::workers] = [json.loads(line) for line in outbox]
    return results


def _worker() -> None:
    """Read file names from stdin; write one JSON line of paragraphs for each to stdout."""
    for name in sys.stdin.buffer.read().decode().splitlines():
        try:
            source = Path(name).read_bytes()
        except OSError:
            source = b""  # listed by a package but not there, or not readable: as good as not installed
        paragraphs = [sentences for text in docstrings(source) for sentences in prose(text)]
        print(json.dumps(paragraphs))
