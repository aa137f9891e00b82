"""Sides of a comparison as processes of their own that measure in turns, so that a machine's drift hits all alike."""

import multiprocessing
import os
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

import torch

Measured = dict[str, float]
Measure = Callable[[], Measured]


@dataclass(frozen=True)
class Side:
    """What a process builds once, `make(**arguments)`, and then calls in each round."""

    make: Callable[..., Measure]
    arguments: dict[str, Any] = field(default_factory=dict)


class Process:
    """A side in its process; as quiet as the other sides."""

    def __init__(self, side: Side, *, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, side, threads), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        self._connection.close()
        self._process.join(timeout=10)
        self._process.kill()

    def measure(self) -> Measured:
        """One measurement.

        Raises:
            RuntimeError: the side failed; says how.
        """
        with suppress(BrokenPipeError):  # it may have said why it stopped
            self._connection.send("measure")
        try:
            found = self._connection.recv()
        except EOFError:
            raise RuntimeError("a side of the comparison died") from None
        if "failed" in found:
            raise RuntimeError(found["failed"])
        return found


def in_turns(sides: Mapping[str, Side], *, rounds: int, threads: int) -> dict[str, list[Measured]]:
    """Each side's measurements, one per round; a round before them is thrown away."""
    found: dict[str, list[Measured]] = {name: [] for name in sides}
    with ExitStack() as stack:
        running = {name: stack.enter_context(Process(side, threads=threads)) for name, side in sides.items()}
        for turn in range(rounds + 1):
            for name, process in running.items():
                measured = process.measure()
                if turn:
                    found[name].append(measured)
    return found


def _serve(connection: Connection, side: Side, threads: int) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    torch.set_num_threads(threads)
    try:
        measure = side.make(**side.arguments)
        while connection.recv() == "measure":
            connection.send(measure())
    except EOFError:  # no more rounds
        return
    except Exception:  # whatever it is, the other process says it
        connection.send({"failed": traceback.format_exc()})
