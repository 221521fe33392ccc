"""What it costs to start a trial: LocalRunner with torch preloaded, beside cold processes.

    python benchmarks/launch.py [--jobs N] [--preload torch]

Ready is the time from asking until the first line of the script; whole is until the exit is known;
cores is processor time, of everything that takes part.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from proveout.runners import LocalRunner
from proveout.trials import Job, Limits

REPORT_READY = "import time, sys; print(time.monotonic()); sys.stdout.flush()"
LIMITS = Limits(wall_seconds=60, memory_bytes=4 * 10**9, disk_bytes=10**9)
CLOCK_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Seconds; medians over jobs of the wall clock, the mean of core-seconds."""

    name: str
    ready_seconds: float
    whole_seconds: float
    core_seconds: float


def own_core_seconds() -> float:
    """Processor time of this process and of the children that it has waited for."""
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in parts)


def below_core_seconds(root: int) -> float:
    """Processor time of the living processes below `root`, their ended children included."""
    total = 0.0
    below = {root}
    for pid in sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if pid == root or int(fields[1]) in below:
            below.add(pid)
            total += sum(map(int, fields[11:15])) * CLOCK_TICK_SECONDS
    return total


def cold(name: str, source: str, environment: dict[str, str], jobs: int) -> Cost:
    ready, whole = [], []
    cores = own_core_seconds()
    for _ in range(jobs):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", f"{source}\n{REPORT_READY}"],
            env=environment,
            capture_output=True,
            check=True,
        )
        whole.append(time.monotonic() - began)
        ready.append(float(done.stdout) - began)
    cores = own_core_seconds() - cores
    return Cost(name, statistics.median(ready), statistics.median(whole), cores / jobs)


def forked(name: str, preload: str, environment: dict[str, str], jobs: int) -> Cost:
    with tempfile.TemporaryDirectory() as folder, LocalRunner(1, (preload,)) as runner:
        script = Path(folder, "job.py")
        script.write_text(f"import {preload}\n{REPORT_READY}")
        if runner.preloaded != (preload,):
            sys.exit(f"{preload} cannot be preloaded: is it installed?")
        launcher = runner._launcher._process.pid  # type: ignore[union-attr]
        run_one(runner, script, environment, "warm-up")
        ready, whole = [], []
        cores = own_core_seconds() + below_core_seconds(launcher)
        for number in range(jobs):
            began = time.monotonic()
            began_script = run_one(runner, script, environment, str(number))
            whole.append(time.monotonic() - began)
            ready.append(began_script - began)
        cores = own_core_seconds() + below_core_seconds(launcher) - cores
    return Cost(name, statistics.median(ready), statistics.median(whole), cores / jobs)


def run_one(runner: LocalRunner, script: Path, environment: dict[str, str], job: str) -> float:
    """When its first line ran, by the machine's monotonic clock."""
    folder = script.parent
    log = folder / f"{job}.log"
    runner.submit(Job(job, ("python", script.name), folder, environment, folder, log, LIMITS))
    (ended,) = runner.poll(None)
    if ended.code != 0:
        sys.exit(f"the job failed: {log.read_text()}")
    return float(log.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100, help="jobs through the launcher")
    parser.add_argument("--preload", default="torch", help="the library that trials use")
    arguments = parser.parse_args()
    jobs, library = arguments.jobs, arguments.preload
    few = max(1, min(10, jobs // 10))
    environment = {"PATH": os.environ.get("PATH", ""), "OMP_NUM_THREADS": "1"}
    costs = [
        forked(f"LocalRunner, {library} preloaded", library, environment, jobs),
        cold(f"subprocess, import {library}", f"import {library}", environment, few),
        cold("subprocess, python -c pass", "pass", environment, few),
    ]
    base = costs[0]
    print(f"{'':30} {'ready, ms':>16} {'whole, ms':>16} {'cores, ms':>16}")
    for cost in costs:
        cells = [
            f"{mine * 1000:8.1f} {mine / its:6.1f}x"
            for mine, its in (
                (cost.ready_seconds, base.ready_seconds),
                (cost.whole_seconds, base.whole_seconds),
                (cost.core_seconds, base.core_seconds),
            )
        ]
        print(f"{cost.name:30} {cells[0]:>16} {cells[1]:>16} {cells[2]:>16}")


if __name__ == "__main__":
    main()
