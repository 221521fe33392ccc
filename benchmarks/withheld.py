"""Does withholding the targets tell a causal model from one that peeks, and agree on honest ones?

    python benchmarks/withheld.py [--tiny]

Fifty bigram models that look ahead in fifty ways, and a dozen honest ones, each scored at both
tiers beside the baseline. The screen of the search tier is put aside, to see what promotion can
do alone: a peeker is told if the tiers disagree, or if it gains nothing by peeking.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
from _peekers import Bench, Found, honest_models, peekers

_NOTHING = 1e-6
"""Bits per byte."""


def verdict(found: Found) -> str:
    """What becomes of a model, in a word or two."""
    if not found.check.agrees:
        return "refuted"
    return "gains nothing" if found.gain <= _NOTHING else "believed"


def main() -> None:
    """Prints the table and the two counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true")
    tiny = parser.parse_args().tiny
    bad, good = peekers(), honest_models()
    if tiny:
        bad, good = dict(list(bad.items())[::10]), dict(list(good.items())[::6])
    table = Table("model", "gain, bits per byte", "the screen", "promotion", "why")
    told = agreed = screened = 0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "study")
        for name, program in (bad | good).items():
            found = bench.check(program)
            word = verdict(found)
            told += name in bad and word != "believed"
            agreed += name in good and found.check.agrees and not found.screened
            screened += name in bad and found.screened
            screen = "refuses it" if found.screened else "passes it"
            table.add_row(name, f"{found.gain:.3f}", screen, word, found.check.why[:100])
    Console(width=180).print(table)
    print(f"{screened} of {len(bad)} models that look ahead are refused by the screen alone")
    print(f"{told} of {len(bad)} models that look ahead win nothing by promotion alone")
    print(f"{agreed} of {len(good)} honest models agree at both tiers")


if __name__ == "__main__":
    main()
