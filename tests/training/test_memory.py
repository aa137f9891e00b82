"""Keeping freed memory: fewer pages are mapped anew, and no number changes."""

import platform
import subprocess
import sys

PROGRAM = """
import platform, resource, sys
import torch
from ablate.training.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
def use():
    parts = [torch.ones(4_000_000) for _ in range(4)]
    return sum(float(part.sum()) for part in parts)
totals = [use() for _ in range(3)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
totals += [use() for _ in range(20)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, sum(totals))
"""


def test_pages_are_mapped_once_where_the_c_library_is_glibc():
    found = {}
    for how in ("keep", "give back"):
        done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        faults, total = done.stdout.split()
        found[how] = int(faults), float(total)
    assert found["keep"][1] == found["give back"][1]
    if platform.libc_ver()[0] == "glibc":
        assert found["keep"][0] < found["give back"][0] / 10
