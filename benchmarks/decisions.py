"""Which idea is best at a scale that was not run? `proveout decide` against simpler ways to tell.

    python benchmarks/decisions.py [--data DIR] [--sources gadre moe ...] [--problems]
    python benchmarks/decisions.py --vary courses levels weights [--one-in 4]

Problems are tables of runs by idea and scale, of public measurements (by default in
PROVEOUT_SHARED_DATA or ../shared/data: data recipes, mixtures of domains, experts, sparsity,
parallel streams, optimizers, learning rates and batch sizes, tokens a parameter, and models over
examples seen) and of the recorded grid of `byte_lm`, with its seeds and with one run of each. Each
is seen below its largest scale only: up to the next smaller one, and up to a third, a tenth, a
thirtieth and a hundredth of its compute. The largest scale is the truth, with the noise it has.

- ranking: the share of pairs of ideas told the right way round, of all and of those that differ by
  half a per cent of the loss or more; the regret of taking the idea that is told to be best, as a
  share of the spread of the ideas;
- doubt: how often intervals of the gap to the baseline hold the truth, with Wilson's 95% interval
  as if gaps were independent, the interval score of the 80% interval in per cent of the loss
  (Gneiting and Raftery 2007), the Brier score of the probability to help, and the log score of the
  probability to be best;
- calibration: of the ideas given a probability to help, how many did.

Averages are over problems within a source, and over sources in the last row: tables of one source
go together. `--vary` holds the prior's numbers against their halves and doubles: the mean log score
of gaps at the target by source, and with any source left out; `--one-in` takes so few of the cuts.
"""

from __future__ import annotations

import argparse
import math
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _problems import Cut, cuts, read_problems, without_seeds
from _rivals import LEVELS, METHODS, Forecast
from _vary_prior import WHAT, show_variants
from rich.console import Console
from rich.table import Table

Floats = npt.NDArray[np.float64]

SHARED = Path(os.environ.get("PROVEOUT_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
APART = 0.005
"""Pairs that differ by less, as a share of the loss, are within the noise of most sources."""
BINS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)


@dataclass(frozen=True, eq=False)
class Score:
    """How a forecast came out on one cut.

    Attributes:
        right: the share of pairs told the right way round; `apart` of those that differ.
        apart: NaN where no pair differs.
        regret: of the idea told to be best, as a share of the spread.
        inside: [A - 1, levels], whether each interval held the gap; empty without quantiles.
        interval: the mean interval score at 80%, as a share of the loss.
        helps: [A - 1], the probability given.
        helped: [A - 1], what happened.
        best: the natural log of the probability given to the best idea.
    """

    source: str
    right: float
    apart: float
    regret: float
    inside: npt.NDArray[np.bool_]
    interval: float
    helps: Floats
    helped: Floats
    best: float

    @property
    def brier(self) -> float:
        """Of the probabilities to help."""
        return float(np.mean((self.helps - self.helped) ** 2)) if self.helps.size else math.nan


def score(cut: Cut, said: Forecast, source: str) -> Score:
    """Holds a forecast against the truth."""
    gap, loss = cut.truth - cut.truth[0], abs(float(cut.truth[0]))
    first, second = np.triu_indices(gap.size, 1)
    true, told = gap[first] - gap[second], said.gap[first] - said.gap[second]
    right = (true * told > 0) + (told == 0) / 2
    apart = abs(true) >= APART * loss
    regret = float(gap[np.argmin(said.gap)] - gap.min()) / max(float(np.ptp(gap)), 1e-12)
    inside, interval = np.zeros((0, len(LEVELS)), dtype=bool), math.nan
    if said.quantiles is not None:
        low, high = said.quantiles[:, : len(LEVELS)][:, ::-1], said.quantiles[:, len(LEVELS) :]
        truth = gap[1:, None]
        inside = (low <= truth) & (truth <= high)
        place = LEVELS.index(0.8)
        beyond = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
        interval = float(((high - low) + 10 * beyond)[:, place].mean()) / loss
    nothing = np.zeros(0)
    return Score(
        source, float(right.mean()), float(right[apart].mean()) if apart.any() else math.nan,
        regret, inside, interval,
        said.helps if said.helps is not None else nothing,
        np.where(gap[1:] == 0, 0.5, gap[1:] < 0) if said.helps is not None else nothing,
        math.log(max(float(said.best[np.argmin(gap)]), 1e-12))
        if said.best is not None else math.nan,
    )  # fmt: skip


def read_cuts(folder: Path, sources: Sequence[str], tiny: bool) -> list[tuple[str, Cut]]:
    """All cuts with their sources; the recorded grid's stand there without seeds too."""
    found = []
    for problem in read_problems(folder):
        for cut in cuts(problem):
            found.append((problem.source, cut))
            if any(run.seed is not None for run in cut.runs):
                found.append((f"{problem.source}, no seeds", without_seeds(cut)))
    chosen = [each for each in found if not sources or each[0] in sources]
    return chosen[:: max(1, len(chosen) // 4)] if tiny else chosen


def measure(chosen: Sequence[tuple[str, Cut]]) -> dict[str, list[Score]]:
    """Every method on every cut."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return {
            name: [score(cut, method(cut), source) for source, cut in chosen]
            for name, method in METHODS.items()
        }


def mean_over(scores: Sequence[Score], what: Callable[[Score], float]) -> float:
    """Over problems, leaving out those without a number; NaN if there is none."""
    found = [value for value in map(what, scores) if not math.isnan(value)]
    return float(np.mean(found)) if found else math.nan


def by_source(scores: Sequence[Score]) -> dict[str, list[Score]]:
    """In the order of their first appearance."""
    groups: dict[str, list[Score]] = {}
    for each in scores:
        groups.setdefault(each.source, []).append(each)
    return groups


def show_ranking(console: Console, scored: dict[str, list[Score]]) -> None:
    """Prints pairwise accuracy and regret, a row for each source."""
    title = f"right pairs | of those {APART:.1%} apart | regret of the best told"
    table = Table("source", "problems", *scored, title=title)
    parts: Sequence[Callable[[Score], float]] = (
        lambda s: s.right, lambda s: s.apart, lambda s: s.regret,
    )  # fmt: skip
    groups = {name: by_source(scores) for name, scores in scored.items()}
    rows: dict[str, list[list[float]]] = {name: [] for name in scored}
    for source, some in next(iter(groups.values())).items():
        cells = []
        for name, each in groups.items():
            rows[name].append([mean_over(each[source], part) for part in parts])
            cells.append(_joined(rows[name][-1]))
        table.add_row(source, str(len(some)), *cells)
    means = [_joined(np.nanmean(np.array(row), axis=0).tolist()) for row in rows.values()]
    table.add_row("mean of sources", "", *means, style="bold")
    console.print(table)


def _joined(values: Sequence[float]) -> str:
    return " | ".join("  - " if math.isnan(value) else f"{value:.3f}" for value in values)


def show_doubt(console: Console, name: str, scores: Sequence[Score]) -> None:
    """Prints how well the stated doubt holds, a row for each source."""
    levels = [f"{level:.0%} held" for level in LEVELS]
    table = Table("source", "gaps", *levels, "interval score, %", "Brier, helps", "log P(best)",
                  title=f"{name}: doubt")  # fmt: skip
    rows = []
    for source, some in by_source(scores).items():
        inside = np.concatenate([each.inside for each in some])
        cells = [wilson(int(column.sum()), column.size) for column in inside.T]
        parts: Sequence[Callable[[Score], float]] = (
            lambda s: 100 * s.interval, lambda s: s.brier, lambda s: s.best,
        )  # fmt: skip
        numbers = [mean_over(some, part) for part in parts]
        rows.append([*inside.mean(axis=0), *numbers])
        table.add_row(source, str(len(inside)), *cells, *(f"{each:.3g}" for each in numbers))
    mean = np.nanmean(np.array(rows), axis=0)
    held = [f"{each:.0%}" for each in mean[: len(LEVELS)]]
    table.add_row("mean of sources", "", *held, *(f"{each:.3g}" for each in mean[len(LEVELS) :]),
                  style="bold")  # fmt: skip
    console.print(table)


def wilson(hits: int, tried: int) -> str:
    """A share with its 95% interval (Wilson 1927)."""
    z = 1.96
    share, weight = hits / tried, z**2 / tried
    middle = (share + weight / 2) / (1 + weight)
    half = math.sqrt(share * (1 - share) * weight + weight**2 / 4) / (1 + weight)
    return f"{share:.0%} [{middle - half:.0%}, {middle + half:.0%}]"


def show_calibration(console: Console, scored: dict[str, list[Score]]) -> None:
    """Prints, of ideas that were given a probability to help, how many did."""
    bins = [f"{low:.0%}-{high:.0%}" for low, high in pairwise(BINS)]
    table = Table("method", *bins, title="given a probability to help, how many did (of how many)")
    for name, scores in scored.items():
        helps = np.concatenate([each.helps for each in scores])
        helped = np.concatenate([each.helped for each in scores])
        if not helps.size:
            continue
        place = np.clip(np.searchsorted(BINS, helps, side="right") - 1, 0, len(bins) - 1)
        inside = [helped[place == number] for number in range(len(bins))]
        table.add_row(name, *(f"{e.mean():.0%} ({e.size})" if e.size else "" for e in inside))
    console.print(table)


def show_problems(console: Console, chosen: Sequence[tuple[str, Cut]],
                  scored: dict[str, list[Score]]) -> None:  # fmt: skip
    """Prints every cut: right pairs and regret by each method."""
    table = Table("problem", "seen", "ideas", *scored, title="right pairs apart | regret")
    for number, (source, cut) in enumerate(chosen):
        cells = [_joined([s[number].apart, s[number].regret]) for s in scored.values()]
        name = cut.problem.name + (", no seeds" if source.endswith("no seeds") else "")
        table.add_row(name, f"1/{cut.factor:g}", str(len(cut.ideas)), *cells)
    console.print(table)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--sources", nargs="*", default=[])
    parser.add_argument("--problems", action="store_true", help="a row for each problem too")
    parser.add_argument("--vary", nargs="+", choices=WHAT, default=[])
    parser.add_argument("--one-in", type=int, default=1, help="of each source's cuts")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    console = Console(width=190)
    if not arguments.data.is_dir():
        print(f"No public measurements in {arguments.data} (see --data): "
              "what follows is of the recorded grid alone.")  # fmt: skip
    chosen = read_cuts(arguments.data, arguments.sources, arguments.tiny)
    if arguments.one_in > 1:
        groups: dict[str, list[tuple[str, Cut]]] = {}
        for each in chosen:
            groups.setdefault(each[0], []).append(each)
        chosen = [each for group in groups.values() for each in group[:: arguments.one_in]]
    if arguments.vary:
        show_variants(chosen, arguments.vary)
        return
    scored = measure(chosen)
    if arguments.problems:
        show_problems(console, chosen, scored)
    show_ranking(console, scored)
    for name, scores in scored.items():
        if scores[0].inside.size:
            show_doubt(console, name, scores)
    show_calibration(console, scored)


if __name__ == "__main__":
    main()
