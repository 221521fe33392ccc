"""Does withholding the targets tell a causal model from one that peeks, and agree on honest ones?

    python benchmarks/withheld.py [--tiny]

Fifty bigram models that look ahead in fifty ways, and a dozen honest ones, each scored at both tiers
beside the baseline. A peeker is told if the screen refuses it, the tiers disagree, or it gains nothing
by peeking: then its score is what it is worth.
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
    if found.refused:
        return "refused by the screen"
    assert found.check is not None
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
    table = Table("model", "gain, bits per byte", "it is", "why")
    told = agreed = 0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "study")
        for name, program in (bad | good).items():
            found = bench.check(program)
            word = verdict(found)
            told += name in bad and word != "believed"
            agreed += name in good and found.check is not None and found.check.agrees
            why = found.refused or (found.check.why if found.check else "")
            table.add_row(name, f"{found.gain:.3f}", word, why[:90])
    Console(width=180).print(table)
    print(f"{told} of {len(bad)} models that look ahead win nothing")
    print(f"{agreed} of {len(good)} honest models agree at both tiers")


if __name__ == "__main__":
    main()
