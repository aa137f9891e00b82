"""How long it takes to load and judge 10,000 run directories: python benchmarks/judge_10000.py (target: under 20 s)."""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from synthetic_runs import write_run  # noqa: E402

from ablate import api  # noqa: E402
from ablate.studies.study import read_study  # noqa: E402

ARMS, SEEDS = 100, 100


def main() -> None:
    """Write, judge, print the times."""
    random = np.random.default_rng(0)
    names = [f"arm_{i}" for i in range(ARMS)]
    claims = [
        {"id": f"claim_{name}", "says": "one arm is better", "kind": "superiority", "contrast": f"{name} - arm_0",
         "metric": "val/mlm_loss", "factors": ["masking"]}
        for name in names[1:]
    ]  # fmt: skip
    study = read_study(
        {"name": "large", "question": "how fast?", "baseline": "arm_0", "arms": names, "seeds": SEEDS, "claims": claims}
    )
    with tempfile.TemporaryDirectory() as folder:
        before = time.perf_counter()
        for i, name in enumerate(names):
            for seed in range(SEEDS):
                changes = {"masking.copies": i + 1}
                write_run(Path(folder) / "large", name, seed, {"val/mlm_loss": 4 + random.normal()}, changes=changes)
        print(f"written {ARMS * SEEDS} runs in {time.perf_counter() - before:.1f} s")
        before = time.perf_counter()
        frame = api.load(Path(folder) / "large")
        print(f"loaded {len(frame)} runs into a DataFrame in {time.perf_counter() - before:.1f} s")
        before = time.perf_counter()
        judgement = api.judge(Path(folder) / "large", study)
        print(f"loaded and judged {len(judgement.claims)} claims in {time.perf_counter() - before:.1f} s")


if __name__ == "__main__":
    main()
