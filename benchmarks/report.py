"""What the report, the notebook and traces of a large study take: size, CPU time, memory.

    python benchmarks/report.py [--trials 1000] [--ideas 60] [--lines 20]

The study is simulated as in `dashboard.py`; each idea changes so many lines. Prints bytes, CPU
seconds and the peak of memory of each, and what the report left out.
"""

from __future__ import annotations

import argparse
import re
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dashboard import events, make_study

from proveout.ledger import Entry, HistoryBuilder
from proveout.report import render_html, write_notebook, write_traces

START = 1_750_000_000.0


def measured(what: str, work: Callable[[], int]) -> None:
    """Does something, and prints how large it came out and how long it took."""
    began = time.process_time()
    size = work()
    took = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<22}{size / 1e6:8.2f} MB{took:8.2f} s{peak:8.0f} MB at most")


def main() -> None:
    """Prints a line for each."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--trials", type=int, default=1000)
    options.add_argument("--ideas", type=int, default=60)
    options.add_argument("--lines", type=int, default=20)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        study = make_study(folder / "study")
        told = events(study, given.trials, given.ideas)
        entries = [Entry(n, START + n / 2, event) for n, event in enumerate(told, 1)]
        history = HistoryBuilder().extend(entries).history()
        head = "--- a/train.py\n+++ b/train.py\n@@ -1,9 +1,9 @@\n"
        change = head + "+    some = line(of, code)  # and what it is for\n" * given.lines
        diffs = dict.fromkeys(history.ideas, change)
        text = ""

        def report() -> int:
            nonlocal text
            text = render_html(study, history, diffs)
            return len(text.encode())

        def notebook() -> int:
            write_notebook(study, history, entries, diffs, folder / "notebook")
            return sum(file.stat().st_size for file in (folder / "notebook").iterdir())

        def traces() -> int:
            write_traces(study, history, entries, diffs, folder / "traces.jsonl")
            return (folder / "traces.jsonl").stat().st_size

        measured("report", report)
        found = re.search(r"Not in it: (.*?)</p>", text)
        print(f"  not in it: {found[1] if found else '?'}")
        measured("notebook", notebook)
        measured("notebook, once more", notebook)
        measured("traces", traces)


if __name__ == "__main__":
    main()
