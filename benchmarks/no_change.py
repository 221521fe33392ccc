"""Are ideas that change nothing ever said to hold? Repeats a study of `byte_lm` with other seeds.

    python benchmarks/no_change.py [--repeats 5] [--folder DIR] [--budget "2e13 flops"]

Each repetition is the quickstart's study with another seed key: ideas, controls, merges, forecast.
Resumes where it was stopped. Prints the verdict on every idea in each repetition, then how often a
control held, with the 95% upper bound of that rate (Clopper and Pearson).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scipy.stats import beta

from proveout.ledger import History
from proveout.loop import run_study, start_reference_study
from proveout.study import read_study

NO_CHANGE = ("control-comment", "control-rename", "control-refactor", "control-reseed")


def run_repeat(folder: Path, key: int, budget: str | None) -> History:
    """One study with seeds of its own."""
    if not (folder / "study.toml").exists():
        file = start_reference_study(folder)
        text = file.read_text().replace("[seeds]\n", f'[seeds]\nkey = "repeat {key}"\n')
        if budget:
            head, _, tail = text.partition("[budget]\n")
            text = f'{head}[budget]\ncompute = "{budget}"\n{tail.partition(chr(10))[2]}'
        file.write_text(text)
    return run_study(read_study(folder)).history


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("studies/no-change"))
    parser.add_argument("--budget")
    arguments = parser.parse_args()
    histories = []
    for key in range(arguments.repeats):
        histories.append(run_repeat(arguments.folder / str(key), key, arguments.budget))
    table = Table("idea", *(str(key) for key in range(arguments.repeats)))
    words = [{v.idea: v.verdict for v in h.verdicts.verdicts} for h in histories if h.verdicts]
    for idea in sorted({name for found in words for name in found}):
        table.add_row(idea, *(found.get(idea, "-") for found in words))
    Console(width=140).print(table)
    for history in histories:
        for scored in history.forecasts_scored.values():
            made = history.forecasts[scored.idea]
            print(
                f"{scored.idea}: forecast {made.mean_gap:+.3f} "
                f"[{made.interval80[0]:+.3f}, {made.interval80[1]:+.3f}], "
                f"measured {scored.measured_gap:+.3f}"
            )
    tried = sum(found.get(name) is not None for found in words for name in NO_CHANGE)
    held = sum(found.get(name) == "holds" for found in words for name in NO_CHANGE)
    bound = float(beta.ppf(0.95, held + 1, tried - held)) if tried > held else 1.0
    print(f"{held} of {tried} controls that change nothing hold (95% upper bound {bound:.0%})")


if __name__ == "__main__":
    main()
