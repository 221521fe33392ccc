"""Artifacts and score-server replies of every kind, thousands of them: what the tests try a few of.

    python benchmarks/fuzz.py [--cases 500]

Runs `tests/scoring/test_fuzz.py` with so many cases for each of its tests; a crash, a hang or a
false score fails it and prints the case.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests" / "scoring" / "test_fuzz.py"


def main() -> None:
    """Prints how many cases passed, and the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    cases = parser.parse_args().cases
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", TESTS],
        env=os.environ | {"PROVEOUT_FUZZ_CASES": str(cases)},
        cwd=TESTS.parents[2],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        print(done.stdout)
        sys.exit(done.returncode)
    passed = done.stdout.partition("[")[0].count(".")
    print(f"{passed * cases} cases in {time.perf_counter() - began:.0f} s: none accepted, no crash")


if __name__ == "__main__":
    main()
