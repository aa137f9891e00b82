"""metrics.csv: the only reader and writer of a run's curves."""

from pathlib import Path

import pandas as pd

from ablate.files import write_text


class CurveFile:
    """Rows of step, tokens, seconds and any named values; columns grow as names appear, cells may be empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns = list(pd.read_csv(path, nrows=0).columns) if path.exists() else []

    def append(self, step: int, values: dict[str, float]) -> None:
        """Add a row; a new name rewrites the file with the new column."""
        row = {"step": step, **values}
        fresh = [name for name in row if name not in self.columns]
        if fresh:
            self._add_columns(fresh)
        cells = (repr(row[c]) if c in row else "" for c in self.columns)
        with self.path.open("a") as file:
            file.write(",".join(cells) + "\n")

    def cut(self, step: int) -> None:
        """Drop rows after `step`: what a killed run wrote beyond the checkpoint that it resumes from."""
        if not self.path.exists():
            return
        lines = self.path.read_text().splitlines(keepends=True)
        kept = [line for line in lines[1:] if line.endswith("\n") and int(line.split(",", 1)[0]) <= step]
        write_text(self.path, "".join([*lines[:1], *kept]))

    def _add_columns(self, fresh: list[str]) -> None:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.columns = [*self.columns, *fresh]
        body = [line + "," * len(fresh) + "\n" for line in lines[1:]]
        write_text(self.path, "".join([",".join(self.columns) + "\n", *body]))


def read_curves(path: Path) -> pd.DataFrame:
    """A run's curves as a DataFrame, one row per logged step."""
    return pd.read_csv(path)
