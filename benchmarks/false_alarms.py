"""Does any audit, or the check with withheld targets, ever fail an honest idea?

    python benchmarks/false_alarms.py [--rungs 4] [--reseeded 100] [--folder DIR] [--tiny]

Every honest idea of `byte_lm` at its first rungs, two seeds each, and 200 runs of a bigram model
that differ by honest randomness alone. Every scored trial is audited by the loop as in any study;
then the kept trials of every idea are scored with their targets withheld, whether the idea is any
good or not. Prints every alarm, how near the audits came to one, and the counts. Resumes where it
was stopped.
"""

from __future__ import annotations

import argparse
import difflib
import re
import runpy
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from proveout.ideas import BASELINE
from proveout.ledger import Event, History, Ledger
from proveout.loop import (
    Bench,
    hidden_patterns,
    modules_to_preload,
    run_study,
    start_reference_study,
)
from proveout.runners import LocalRunner
from proveout.study import Study, read_study
from proveout.trials import REJECTING
from proveout.verdicts import kept_trials

EXAMPLE = Path(__file__).parents[1] / "examples" / "bigram"
DISHONEST = {"control-crashes", "control-diverges", "control-over-budget"}
STEPS_FLOPS = 3e7
ENOUGH = "1e14 flops"  # for every idea at four rungs, its merges and what is trained anew


def byte_lm_study(folder: Path, rungs: int, only: Iterable[str] = ()) -> Study:
    """The reference study with all honest ideas at its first rungs, or, with none, at a few
    steps."""
    if not (folder / "study.toml").exists():
        start_reference_study(folder)
        names = {file.stem for file in (folder / "ideas").glob("*.patch")} - DISHONEST
        chosen = sorted(names.intersection(only) or names)
        text = (folder / "study.toml").read_text()
        listed = ", ".join(f'"{name}"' for name in chosen)
        text = re.sub(r"only = \[.*?\]\n", f"only = [{listed}]\n", text, flags=re.DOTALL)
        text = text.replace('name = "information"', 'name = "uniform"\nend_early = false')
        text = re.sub(r"per_rung = \[.*?\]", "per_rung = [2, 2]", text)
        text = re.sub(r"target_parameters = .*\n", "", text)
        head, *blocks = re.split(r"(?=\[\[ladder\.rung\]\])", text)
        last, _, tail = blocks[-1].partition("[budget]")
        blocks = [*blocks[:-1], last][: max(1, rungs)]
        if not rungs:
            blocks = [blocks[0].replace("1e10", f"{STEPS_FLOPS:g}")]
            head = head.replace("items = 256", "items = 32\nsealed_items = 128")
        tail = re.sub(r"(?m)^compute = .*$", f'compute = "{ENOUGH}"', tail, count=1)
        (folder / "study.toml").write_text(f"{head}{''.join(blocks)}[budget]{tail}")
    return read_study(folder)


def reseeded_study(folder: Path, ideas: int) -> Study:
    """A bigram study whose ideas change nothing but the seed."""
    if not (folder / "study.toml").exists():
        shutil.copytree(
            EXAMPLE, folder, ignore=shutil.ignore_patterns("*.git", "trials", "ledger*")
        )
        program = (folder / "program" / "train.py").read_text()
        runpy.run_path(str(EXAMPLE / "corpus.py"))["write_corpus"](folder)
        for file in (folder / "ideas").iterdir():
            file.unlink()
        for number in range(1, ideas + 1):
            changed = program.replace("rng(args.seed)", f"rng(args.seed + {number})")
            lines = difflib.unified_diff(
                program.splitlines(keepends=True),
                changed.splitlines(keepends=True),
                "a/train.py",
                "b/train.py",
            )
            (folder / "ideas" / f"reseed-{number}.patch").write_text(
                f"hypothesis: none\nsource: a benchmark\n---\n{''.join(lines)}"
            )
        text = (folder / "study.toml").read_text()
        text = re.sub(r"per_rung = \[.*?\]", "per_rung = [2, 2]", text)
        text = text.replace("[ideas]", '[policy]\nname = "uniform"\nend_early = false\n\n[ideas]')
        first = re.split(r"(?=\[\[ladder\.rung\]\])", text)
        last = first[-1].partition("[budget]")[2]
        (folder / "study.toml").write_text(f"{first[0]}{first[1]}[budget]{last}")
    return read_study(folder)


def promote_everything(study: Study) -> History:
    """Scores the kept trials of every idea with their targets withheld."""
    with (
        Ledger(study.folder) as ledger,
        LocalRunner(study.run.slots, modules_to_preload(study), hidden_patterns(study)) as runner,
    ):

        def record(event: Event) -> None:
            ledger.append(event)

        bench = Bench(study, ledger, runner, record, lambda: None)
        history = ledger.history()
        ideas = [name for name in history.ideas if name != BASELINE]
        trials = [trial for name in ideas for trial in sorted(kept_trials(study, history, name))]
        bench.promote([trial for trial in trials if trial.id not in history.promotions])
        bench.close()
        return ledger.history()


def show(title: str, history: History) -> None:
    """Prints alarms, how near audits came, and counts."""
    alarms = [
        (record.trial.id, f"{record.failure.kind}: {record.failure.sentence}")
        for record in history.trials.values()
        if record.failure and record.failure.kind in REJECTING
    ]
    # What may be luck is left open, which is right of an idea without a gain, and no alarm.
    alarms += [
        (each.trial, each.why) for each in history.promotions.values() if each.agrees is False
    ]
    table = Table("trial", "alarm", title=title)
    for trial, why in alarms:
        table.add_row(trial, why)
    console = Console(width=160)
    console.print(table)
    scored = [record for record in history.trials.values() if record.state == "scored"]
    others = [r for r in history.trials.values() if r.failure and r.failure.kind not in REJECTING]
    zs = [
        (each.sealed_gap - each.search_gap) / each.standard_error
        for each in history.promotions.values()
        if each.sealed_gap is not None and each.search_gap is not None and each.standard_error
    ]
    nearest: dict[str, str] = {}
    for record in scored:
        for audit in record.audits:
            found = re.search(r"([0-9.]+) times", audit.evidence)
            if found and (audit.name == "time") == (
                float(found[1]) > float(nearest.get(audit.name, "0 ").split()[0])
            ):
                nearest[audit.name] = f"{found[1]} by {record.trial.id}"
    print(f"{len(scored)} scored trials, {len(history.promotions)} promotions, "
          f"{len(others)} other failures: {len(alarms)} alarms")  # fmt: skip
    for name, told in nearest.items():
        print(f"  nearest {name}: {told}")
    if zs:
        print(f"  gaps disagree by {min(zs):+.2f} to {max(zs):+.2f} standard errors; 4 is an alarm")


def main() -> None:
    """Both studies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rungs", type=int, default=4)
    parser.add_argument("--reseeded", type=int, default=100)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    few = ("label-smoothing",) if arguments.tiny else ()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        if arguments.reseeded:
            reseeded = reseeded_study(
                folder / "bigram", 1 if arguments.tiny else arguments.reseeded
            )
            run_study(reseeded)
            show("honest randomness", promote_everything(reseeded))
        if arguments.rungs:
            study = byte_lm_study(folder / "byte_lm", 0 if arguments.tiny else arguments.rungs, few)
            run_study(study)
            show("byte_lm", promote_everything(study))


if __name__ == "__main__":
    main()
