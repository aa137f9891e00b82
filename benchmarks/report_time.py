"""How long a report takes: python benchmarks/report_time.py [arms seeds] (target: 12 arms x 10 seeds under 15 s).

Also prints how large the page is; 200 arms (python benchmarks/report_time.py 200 5) stay usable.
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from synthetic_study import write_arm_run  # noqa: E402

from ablate import api  # noqa: E402
from ablate.studies.registration import register  # noqa: E402
from ablate.studies.study import Study, read_study  # noqa: E402


def study_of(arms: int, seeds: int) -> Study:
    """A claim per arm: each against the first."""
    names = [f"arm_{i}" for i in range(arms)]
    claims = [
        {"id": f"claim_{name}", "says": f"{name} is better", "kind": "superiority", "contrast": f"{name} - arm_0",
         "metric": "embedded/mean", "margin": 0.01, "factors": ["masking"]}
        for name in names[1:]
    ]  # fmt: skip
    plain = {"name": "large", "question": "How fast?", "baseline": "arm_0", "arms": names, "seeds": seeds}
    return read_study({**plain, "claims": claims})


@dataclass(frozen=True)
class Reported:
    """Seconds in all and on the processor, and MB of the page and of the whole report."""

    wall: float
    busy: float
    page: float
    report: float


def measure(arms: int, seeds: int) -> Reported:
    """Write the runs, report them."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "large"
        register(folder, study_of(arms, seeds), asked={})
        for i in range(arms):
            level = 0.7 + random.normal(0, 0.02)
            for seed in range(seeds):
                changes = {"masking.copies": i + 1}
                write_arm_run(folder, f"arm_{i}", seed, changes=changes, score=level, loss=4.5 - level)
        before, spent = time.perf_counter(), time.process_time()
        page = api.report(folder, out=Path(name) / "report")
        wall, busy = time.perf_counter() - before, time.process_time() - spent
        size = sum(path.stat().st_size for path in page.parent.rglob("*") if path.is_file())
        return Reported(wall, busy, page.stat().st_size / 1e6, size / 1e6)


def main(arms: int = 12, seeds: int = 10) -> None:
    """Print the times."""
    found = measure(arms, seeds)
    print(f"{arms} arms x {seeds} seeds: {found.wall:.1f} s, of which {found.busy:.1f} s on the processor")
    print(f"page {found.page:.2f} MB, report {found.report:.2f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
