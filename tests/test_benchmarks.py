"""Every benchmark runs, at a tiny size; what it measures is nobody's assertion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
TINY = {
    "command_line.py": ["--trials", "200", "--runs", "1"],
    "decisions.py": ["--tiny"],
    "false_alarms.py": ["--tiny"],
    "fuzz.py": ["--cases", "2"],
    "gaps.py": ["--what", "default"],
    "grid/record.py": [
        "--folder",
        "grid",
        "--grid",
        "x.csv",
        "--rungs",
        "0",
        "--seeds",
        "1",
        "--only",
        "rotary",
    ],
    "improve.py": [
        "strategies",
        "adoptions",
        "--tasks",
        "parity",
        "--seeds",
        "1",
        "--samples",
        "2",
        "--generations",
        "1",
        "--rounds",
        "1",
    ],
    "kills.py": ["--kills", "2"],
    "isolation.py": ["--jobs", "1", "--nasty", "5", "--preload", "numpy"],
    "launch.py": ["--jobs", "2"],
    "no_change.py": ["--repeats", "1", "--budget", "2e10 flops"],
    "overhead.py": ["--ideas", "1"],
    "policies.py": ["--tiny"],
    "scaling.py": ["--tiny"],
    "redteam.py": ["test_clocks.py"],
    "sources.py": ["--tiny", "--arms", "all"],
    "withheld.py": ["--tiny"],
    "report.py": ["--trials", "100", "--ideas", "10"],
    "dashboard.py": [
        "--trials",
        "300",
        "--ideas",
        "20",
        "--viewers",
        "2",
        "--pairs",
        "1",
        "--seconds",
        "0.2",
    ],
}
NEEDS_TORCH = {
    "false_alarms.py", "grid/record.py", "launch.py", "no_change.py", "overhead.py", "sources.py",
}  # fmt: skip


def test_each_benchmark_has_a_tiny_size() -> None:
    """Modules whose names begin with an underscore only help those that are run."""
    found = {path.relative_to(BENCHMARKS).as_posix() for path in BENCHMARKS.rglob("[!_]*.py")}
    assert found == set(TINY)


@pytest.mark.parametrize("name", sorted(TINY))
def test_a_benchmark_runs_and_prints(name: str, tmp_path: Path) -> None:
    if name in NEEDS_TORCH:
        pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, BENCHMARKS / name, *TINY[name]],
        capture_output=True, text=True, cwd=tmp_path, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
