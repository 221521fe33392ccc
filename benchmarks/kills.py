"""Kills the controller at random moments and compares what comes out with an undisturbed study.

    python benchmarks/kills.py [--kills 100] [--seed 0]

The study is `examples/bigram`: real trials, a real ledger, merges and a forecast, with enough seeds
to outlive the kills. The controller is sent SIGKILL and started again until it has been killed so
many times; then it runs to its end. (Should a study end sooner, another takes the rest.) It has one
slot, so that what is decided next does not hang on which of two trials ends first. Every scored
measurement, every charge and every verdict must equal the undisturbed study's.
"""

from __future__ import annotations

import argparse
import random
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from proveout.ledger import History, read_history
from proveout.loop import run_study
from proveout.study import read_study

EXAMPLE = Path(__file__).parents[1] / "examples" / "bigram"
FEW = ("surer", "crash")  # ideas that show that the benchmark runs
LONGEST_SECONDS = 1.2
"""A controller's life: some end in the import, some in the middle of a trial."""

CONTROLLER = """
import sys
from pathlib import Path
from proveout.loop import run_study
from proveout.study import read_study
run_study(read_study(Path(sys.argv[1])))
"""


def make_study(folder: Path, seeds: int, few: bool) -> None:
    """A fresh copy of the example with this many seeds a rung, and with all ideas or two."""
    folder.mkdir()
    for name in ("program", "ideas"):
        shutil.copytree(EXAMPLE / name, folder / name)
    for file in (folder / "ideas").iterdir() if few else ():
        if file.stem not in FEW:
            file.unlink()
    text = (EXAMPLE / "study.toml").read_text()
    seeded = text.replace("per_rung = [2, 3]", f"per_rung = [{seeds}, {seeds}]")
    (folder / "study.toml").write_text(seeded.replace("slots = 2", "slots = 1"))
    runpy.run_path(str(EXAMPLE / "corpus.py"))["write_corpus"](folder)


def results(history: History) -> dict[str, Any]:
    """What must not depend on when a controller was killed."""
    verdicts = history.verdicts.verdicts if history.verdicts else ()
    return {
        "losses": {t.id: r.measurement.value for t, r in history.trials.items() if r.measurement},
        "failures": {t.id: r.failure.kind for t, r in history.trials.items() if r.failure},
        "charges": {t.id: r.charged for t, r in history.trials.items()},
        "account": history.account,
        "verdicts": {verdict.idea: verdict for verdict in verdicts},
        "forecasts": dict(history.forecasts),
        "commits": {name: idea.commit for name, idea in history.ideas.items()},
    }


def kill_until_done(folder: Path, kills: int, rng: random.Random) -> int:
    """Starts and kills controllers; returns how many died by our hand."""
    killed = 0
    while killed < kills:
        process = subprocess.Popen([sys.executable, "-c", CONTROLLER, str(folder)])
        try:
            process.wait(timeout=rng.uniform(0.0, LONGEST_SECONDS))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
    return killed


def main() -> None:
    """Prints what was compared; exits with 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiny", action="store_true", help="two ideas, to see it run")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as scratch:
        calm, hunted = Path(scratch) / "calm", Path(scratch) / "hunted"
        seeds = max(2, arguments.kills // 6)
        make_study(calm, seeds, arguments.tiny)
        undisturbed = results(run_study(read_study(calm)).history)
        killed, studies, differ = 0, 0, 0
        while killed < arguments.kills:
            studies += 1
            make_study(hunted, seeds, arguments.tiny)
            killed += kill_until_done(hunted, arguments.kills - killed, rng)
            run_study(read_study(hunted))
            found = results(read_history(hunted))
            differ += found != undisturbed
            for name in undisturbed:
                if found[name] != undisturbed[name]:
                    print(f"differs: {name}", file=sys.stderr)
            shutil.rmtree(hunted)
    print(
        f"{killed} kills over {studies} studies of {len(undisturbed['losses'])} measurements "
        f"and {len(undisturbed['failures'])} failures: {differ} differ from the undisturbed study; "
        f"budget {undisturbed['account'].charged:g} charged, 0 reserved, each time"
    )
    sys.exit(differ > 0)


if __name__ == "__main__":
    main()
