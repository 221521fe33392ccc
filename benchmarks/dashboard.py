"""How the dashboard bears a large study: 100,000 trials of 2,000 ideas, many viewers, live updates.

    python benchmarks/dashboard.py [--trials 100000] [--ideas 2000] [--viewers 50] [--pairs 60]

The study's ledger is written by simulation; the server is the real one, in a process of its own.
Prints the time to take the ledger in, the server's time for each page (the first of a version, and
kept), its memory, how many updates a second viewers get, and what they cost a controller at work, a
trial started and ended every 20 ms, each appended and synced to the disk: the time of an append and
the controller's own CPU time, with viewers as a ratio to without. The server runs in both.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from _viewing import Viewers, Work, interleaved

from proveout.ideas import BASELINE, Idea
from proveout.ledger import (
    Decided,
    Event,
    IdeaAdded,
    Ledger,
    StudyOpened,
    TrialScored,
    TrialStarted,
    Verdict,
    VerdictsRead,
)
from proveout.study import Study, read_study
from proveout.trials import Measurement, Trial, Usage

EXAMPLE = Path(__file__).parents[1] / "examples" / "bigram"
TOKEN = "benchmark-token"
PAGES = ("", "ladder", "scaling", "spending", "trust", "ideas/idea-7", "?q=idea-19&sort=gap")
WORDS = ("holds", "fades", "reverses", "undecided", "no effect", "hurts")


def make_study(folder: Path) -> Study:
    """The example study with a budget that all those trials fit in, and no data to train on."""
    shutil.copytree(EXAMPLE, folder)
    file = folder / "study.toml"
    file.write_text(file.read_text().replace('compute = "4e9 flops"', 'compute = "1e15 flops"'))
    for name in ("train.bin", "held_out.bin"):
        (folder / name).write_bytes(bytes(10_000))
    return read_study(folder)


def events(study: Study, trials: int, ideas: int) -> Iterator[Event]:
    """A study as its ledger would have it."""
    rng = random.Random(0)
    text = (study.folder / "study.toml").read_text()
    yield StudyOpened(study.name, "0", 1e15, "flops", text, "a simulated machine")
    yield IdeaAdded(Idea(BASELINE, "baseline", "0" * 40, None))
    names = [f"idea-{number}" for number in range(ideas)]
    for number, name in enumerate(names, 1):
        idea = Idea(name, "idea", f"{number:040x}", "0" * 40,
                    hypothesis=f"{name} trains better", source="simulated")  # fmt: skip
        yield IdeaAdded(idea, 4)
    arms = [BASELINE, *names]
    rungs, made = len(study.rungs), 0
    while made < trials:
        arm = arms[made % len(arms)]
        lap = made // len(arms)
        yield from one_trial(study, Trial(lap % rungs, lap // rungs, arm), rng)
        made += 1
        if made % 500 == 0:
            yield Decided("Buy", f"second seed of {arm}: decides whether it fades")
    yield VerdictsRead(tuple(verdict(study, name, rng) for name in names), made)


def one_trial(study: Study, trial: Trial, rng: random.Random) -> Iterator[Event]:
    """Its start and its score."""
    compute = study.rung(trial.rung).compute.amount
    yield TrialStarted(trial.id, trial.idea, trial.rung, trial.replicate, 7, compute, "a look")
    loss = 3 + (compute / 1e6) ** -0.2 + rng.gauss(0, 0.01)
    measured = Measurement(loss, "bits_per_byte", "bits per byte", "audited", "A", 9999)
    yield TrialScored(trial.id, compute, measured, Usage(1.5, 1.4, 0.2, 10**8, 0, compute))


def verdict(study: Study, name: str, rng: random.Random) -> Verdict:
    """One that fills every column."""
    first, last = study.rungs[0].compute.amount, study.ladder.target.amount
    level, slope = rng.gauss(0, 0.1), rng.gauss(0, 0.02)
    xs = [first * (last / first) ** (step / 24) for step in range(25)]
    means = [level + slope * math.log10(x / first) for x in xs]
    return Verdict(
        idea=name,
        verdict=rng.choice(WORDS),
        gap_at_target=means[-1],
        interval80=(means[-1] - 0.03, means[-1] + 0.03),
        compute_multiplier=1.2,
        multiplier_interval80=(1.0, 1.5),
        probability_helps=0.7,
        rungs=len(study.rungs),
        why="simulated",
        line=tuple((x, y, y - 0.03, y + 0.03) for x, y in zip(xs, means, strict=True)),
        measured=tuple((rung.compute.amount, level, 0.01, 2) for rung in study.rungs),
    )


class Server:
    """`proveout serve` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "proveout", "serve", str(folder), "--token", TOKEN]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.entry = self.process.stdout.readline().strip()
        self.base = self.entry.partition("/?")[0]
        self.slug = folder.name

    def get(self, page: str) -> float:
        """Seconds until a page has come in whole."""
        began = time.perf_counter()
        request = urllib.request.Request(f"{self.base}/s/{self.slug}/{page}",
                                         headers={"Authorization": f"Bearer {TOKEN}"})  # fmt: skip
        with urllib.request.urlopen(request, timeout=600) as answer:
            answer.read()
        return time.perf_counter() - began

    @property
    def memory_mb(self) -> float:
        """Resident now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def close(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


def in_a_browser(server: Server) -> str:
    """How long Chromium takes over a page, from asking for it to being of use."""
    chromium = shutil.which("chromium")
    if chromium is None or importlib.util.find_spec("playwright") is None:
        return "no playwright or no chromium here: not looked at in a browser"
    from playwright.sync_api import sync_playwright

    timing = """() => {
        const [entry] = performance.getEntriesByType("navigation");
        return [entry.domInteractive, entry.loadEventEnd];
    }"""
    told = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(server.entry)
        for name in ("", "ladder"):
            page.goto(f"{server.base}/s/{server.slug}/{name}", timeout=120_000)
            page.wait_for_load_state("load")
            interactive, loaded = page.evaluate(timing)
            told.append(f"/{name} interactive after {interactive:.0f} ms, loaded {loaded:.0f} ms")
        browser.close()
    return f"in Chromium: {'; '.join(told)}"


class Controller:
    """Its work without the training: so many trials a second, appended as each starts and ends."""

    def __init__(self, ledger: Ledger, study: Study, rate: float) -> None:
        self._ledger, self._study, self._rate = ledger, study, rate
        self._rng, self._made = random.Random(1), 10_000

    def work(self, seconds: float) -> Work:
        """A block of it."""
        took = list[float]()
        began, cpu = time.perf_counter(), time.thread_time()
        for number in range(max(1, round(seconds * self._rate))):
            time.sleep(max(0.0, began + number / self._rate - time.perf_counter()))
            self._made += 1
            for event in one_trial(self._study, Trial(0, self._made, "idea-1"), self._rng):
                at = time.perf_counter()
                self._ledger.append(event)
                took.append(time.perf_counter() - at)
        trials = len(took) // 2
        used, passed = time.thread_time() - cpu, time.perf_counter() - began
        return Work(statistics.median(took), used / trials, trials / passed)


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--ideas", type=int, default=2000)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--rate", type=float, default=50.0, help="trials a second")
    parser.add_argument("--pairs", type=int, default=60, help="of blocks, with viewers and without")
    parser.add_argument("--seconds", type=float, default=2.0, help="a block")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        study = make_study(Path(place) / "large")
        with Ledger(study.folder, durable=False) as ledger:
            for event in events(study, asked.trials, asked.ideas):
                ledger.append(event)
        measure(study, asked)


def measure(study: Study, asked: argparse.Namespace) -> None:
    """Starts the server and prints what it takes."""
    began = time.perf_counter()
    server = Server(study.folder)
    try:
        server.get("")
        print(f"trials {asked.trials}, ideas {asked.ideas}")
        print(f"started and took the ledger in: {time.perf_counter() - began:.1f} s")
        for page in PAGES:
            first, kept = server.get(page), min(server.get(page) for _ in range(5))
            print(f"  /{page:24s} first {1000 * first:6.0f} ms, kept {1000 * kept:5.1f} ms")
        print(f"memory: {server.memory_mb:.0f} MB")
        print(in_a_browser(server))
        print(with_viewers(study, server, asked))
        print(f"memory: {server.memory_mb:.0f} MB")
    finally:
        server.close()


def with_viewers(study: Study, server: Server, asked: argparse.Namespace) -> str:
    """What viewers cost a controller, in a line."""
    viewers = Viewers(server.base.removeprefix("http://"), server.slug, TOKEN, asked.viewers)
    try:
        with Ledger(study.folder) as ledger:
            controller = Controller(ledger, study, asked.rate)
            controller.work(asked.seconds)  # files grow, caches fill: not to be counted
            found = interleaved(
                lambda: controller.work(asked.seconds), viewers, asked.pairs, asked.viewers
            )
    finally:
        viewers.close()
    (append, *append_ends), (cpu, *cpu_ends) = found.append, found.cpu
    return (
        f"{asked.viewers} viewers: a synced append takes {append:.3f} {_ends(append_ends)} times "
        f"as long as without them ({1e6 * found.alone_seconds:.0f} us), the controller {cpu:.3f} "
        f"{_ends(cpu_ends)} times the CPU time a trial; medians of {found.pairs} pairs of blocks "
        f"of {asked.seconds:g} s, 95% intervals; {found.trials_per_second:.1f} trials a second "
        f"came in, each viewer fetched {found.updates_per_second:.2f} updates a second"
    )


def _ends(ends: list[float]) -> str:
    return f"[{ends[0]:.3f}, {ends[1]:.3f}]"


if __name__ == "__main__":
    main()
