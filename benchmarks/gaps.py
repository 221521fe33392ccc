"""What is to be believed of gaps before they are measured? Learns `GapPrior` from measured ladders.

    python benchmarks/gaps.py [--data DIR] [--studies DIR ...] [--what fade drift sizes]

Ladders: the table of ideas in LOG.md, and, with --data (by default PROVEOUT_SHARED_DATA or
../shared/data), published comparisons over scale: optimizers (marin_optimizers, with the learnable
residual scale at depths 8 to 20 from karpathy/nanochat), parallel streams and learning rates
(active_sl, arXiv 2604.22753) and data recipes (gadre_overtraining, arXiv 2403.08540). --studies
adds finished studies of one's own by their ledgers.

For each prior it prints by suite the log score of the top rung's gap, forecast from the rungs below
it, how often the 80% interval held it, the forecasts' error as a share of the loss, and the mean
log marginal likelihood of a ladder. Higher scores are better, but ladders of one suite go together
and differences of a few mean nothing. Noise is what the sources tell or, where a run has no
replicate, assumed (`ASSUMED_SD`).
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from proveout.ledger import read_history
from proveout.scaling import GapLine, GapPrior, fit_gap, measure_cells
from proveout.study import read_study
from proveout.verdicts import board_of

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("PROVEOUT_SHARED_DATA", ROOT.parent / "shared" / "data"))

ASSUMED_SD = {"optimizers": 0.003, "parallel": 0.002, "learning rates": 0.003, "recipes": 0.01}
"""Of one gap, in nats: most of these suites have one run a setting."""
LOG_COMPUTE, LOG_LOSS = (1e10, 1e11, 3e11, 1e12), (3.488, 2.900, 2.627, 2.362)
LOG_PAIR_SD = (0.023, 0.019, 0.011, 0.013)  # the last: sqrt 2 times that of the baseline's seeds
PARAMETERS = {"130m": 0.13e9, "300m": 0.3e9, "520m": 0.52e9, "1.2b": 1.2e9}

VARIANTS: Mapping[str, tuple[GapPrior, ...]] = {
    "default": (GapPrior(),),
    "fade": tuple(GapPrior(fade_per_decade=fade) for fade in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
    "drift": tuple(
        GapPrior(drift_sd_per_decade=sd) for sd in (0.003, 0.005, 0.007, 0.01, 0.014, 0.02)
    ),
    "slope": tuple(GapPrior(slope_sd=sd) for sd in (0.005, 0.007, 0.01, 0.014, 0.02)),
    "rough": tuple(GapPrior(rough_sd=sd) for sd in (0.001, 0.0015, 0.002, 0.003, 0.004)),
    "level": tuple(GapPrior(level_sd=sd) for sd in (0.01, 0.02, 0.04)),
    "sizes": (
        GapPrior(sizes=(1.0,), size_weights=(1.0,)),
        GapPrior(sizes=(0.25, 1.0, 4.0), size_weights=(0.35, 0.4, 0.25)),
        GapPrior(),
        GapPrior(sizes=(0.2, 0.6, 2.0, 6.0), size_weights=(0.25, 0.3, 0.3, 0.15)),
    ),
}


@dataclass(frozen=True)
class Ladder:
    """One idea's measured gaps; all tuples by rising compute.

    Attributes:
        log10_compute: in FLOPs, or parameters where a suite has no other scale.
        gap: idea minus baseline, in the unit of the loss.
        sd: of each gap.
        loss: the baseline's.
        centre: the middle of the whole study's ladder; None for that of the rungs seen.
    """

    log10_compute: tuple[float, ...]
    gap: tuple[float, ...]
    sd: tuple[float, ...]
    loss: tuple[float, ...]
    centre: float | None = None

    def fit(self, rungs: int, prior: GapPrior) -> GapLine:
        """The gap as its lowest rungs tell it."""
        return fit_gap(
            self.log10_compute[:rungs],
            self.gap[:rungs],
            self.sd[:rungs],
            scale=self.loss[rungs - 1],
            prior=prior,
            centre=self.centre,
        )


@dataclass(frozen=True)
class Score:
    """How a prior does on a suite."""

    forecasts: int
    log_score: float
    inside: int
    error: float
    evidence: float


def ladder(points: list[tuple[float, float, float, float]], centre: float | None = None) -> Ladder:
    """From (log10 compute, gap, sd, the baseline's loss), in any order."""
    columns = zip(*sorted(points), strict=True)
    x, gap, sd, loss = (tuple(float(v) for v in column) for column in columns)
    return Ladder(x, gap, sd, loss, centre)


def from_notebook(notebook: Path) -> Iterator[Ladder]:
    """The rows of LOG.md's table of ideas that were measured at two rungs or more."""
    for line in notebook.read_text().splitlines():
        row = re.match(r"\| `([\w-]+)` \|(.*)\|", line)
        cells = [cell.strip() for cell in row[2].split("|")] if row else []
        if not row or len(cells) != len(LOG_COMPUTE) + 1:
            continue
        points = []
        for i, cell in enumerate(cells[:-1]):
            seeds = 1 if i == 3 and row[1] != "rotary" else 2
            if re.fullmatch(r"[+-]\d\.\d+", cell):
                sd = LOG_PAIR_SD[i] / math.sqrt(seeds)
                points.append((math.log10(LOG_COMPUTE[i]), float(cell), sd, LOG_LOSS[i]))
        if len(points) > 1:
            yield ladder(points, centre=10.75)


def from_study(folder: Path) -> Iterator[Ladder]:
    """Every idea and stack of a finished study, the target included."""
    study = read_study(folder)
    board = board_of(study, read_history(folder), stacks=True, target=True)
    cells = measure_cells(board.losses)
    x, centre = np.log10(board.compute), float(np.log10(board.compute[[0, -2]]).mean())
    for idea in np.flatnonzero(~cells.identical):
        measured = np.flatnonzero((cells.runs[idea] > 0) & (cells.baseline_runs > 0))
        sd = np.sqrt(cells.variance[idea] + cells.shared)
        points = [(x[r], cells.gap[idea, r], sd[r], cells.level[r]) for r in measured]
        if len(points) > 1:
            yield ladder(points, centre=centre)


def rows(file: Path) -> list[dict[str, str]]:
    """Of a CSV."""
    with file.open() as lines:
        return list(csv.DictReader(lines))


def from_runs(
    runs: Mapping[object, Mapping[float, float]], baseline: object, sd: float
) -> Iterator[Ladder]:
    """Each setting's losses by log10 scale against those of the baseline at the same scales."""
    for setting, losses in runs.items():
        shared = sorted(losses.keys() & runs[baseline].keys())
        if setting != baseline and len(shared) > 1:
            base = runs[baseline]
            yield ladder([(x, losses[x] - base[x], sd, base[x]) for x in shared])


def optimizers(data: Path) -> Iterator[Ladder]:
    """Against AdamW at Chinchilla's tokens; the learnable residual scale, in bits per byte."""
    runs: dict[object, dict[float, float]] = defaultdict(dict)
    for row in rows(data / "marin_optimizers" / "best_losses.csv"):
        if row["chinchilla_ratio"] == "1":
            flops = 6 * PARAMETERS[row["model_size"]] * float(row["tokens"].removesuffix("B")) * 1e9
            runs[row["optimizer"]][math.log10(flops)] = float(row["best_c4en_eval_loss"])
    yield from from_runs(runs, "adamw", ASSUMED_SD["optimizers"])
    depths, gaps = (8, 12, 16, 20), (-0.0103, -0.0077, -0.0057, -0.0039)
    points = [
        # Parameters, and with them tokens, grow like depth^3; losses read off published curves.
        (6 * math.log10(depth), gap, 0.0007, loss)
        for depth, gap, loss in zip(depths, gaps, (1.0, 0.92, 0.87, 0.83), strict=True)
    ]
    yield ladder(points)


def parallel(data: Path) -> Iterator[Ladder]:
    """2, 4 and 8 parallel streams against one, over parameters."""
    for group in ("stack", "pile"):
        runs: dict[object, dict[float, float]] = defaultdict(dict)
        for part in ("train", "test"):
            for row in rows(data / "active_sl" / f"parallel_{part}.csv"):
                if row["group"] == group:
                    # Streams add less than 2% of parameters: rounded, so that sizes meet.
                    x = round(math.log10(float(row["num_params"])), 1)
                    runs[int(float(row["parallel_size"]))][x] = float(row["loss"])
        yield from from_runs(runs, 1, ASSUMED_SD["parallel"])


def learning_rates(data: Path) -> Iterator[Ladder]:
    """Rates 2 to 2.8 times off .002 to either side, at one batch and tokens, over parameters."""
    runs: dict[object, dict[object, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows(data / "active_sl" / "lr_bsz_train.csv"):
        steps = round(2 * math.log2(float(row["lr"]) / 0.00195))
        x = math.log10(float(row["non_embedding_param_size"]))
        if steps in (-3, -2, 0, 2, 3):
            runs[row["data_size"], row["bsz"]][steps][x] = float(row["lm_loss"])
    for setting in runs.values():
        if 0 in setting:
            yield from from_runs(setting, 0, ASSUMED_SD["learning rates"])


def recipes(data: Path) -> Iterator[Ladder]:
    """RedPajama and RefinedWeb against C4 as training data, at each multiple of tokens."""
    runs: dict[object, dict[object, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows(data / "gadre_overtraining" / "losses.csv"):
        for evaluation in ("L_openlm", "L_c4", "L_paloma"):
            x = math.log10(float(row["C"]))
            runs[evaluation, row["mult"]][row["ds"]][x] = float(row[evaluation])
    for setting in runs.values():
        yield from from_runs(setting, "c4_original", ASSUMED_SD["recipes"])


def score(ladders: list[Ladder], prior: GapPrior) -> Score:
    """The forecasts of the top rungs, and the marginal likelihood of all of each ladder."""
    logs, inside, errors, evidence = [], 0, [], 0.0
    for each in ladders:
        measured = len(each.gap)
        loss = each.loss[-1]
        evidence += each.fit(measured, prior).log_evidence + measured * math.log(loss)
        if measured < 3:
            continue
        forecast = each.fit(measured - 1, prior).at(each.log10_compute[-1])
        forecast = forecast.with_noise(each.sd[-1])
        logs.append(forecast.log_density(each.gap[-1]) + math.log(loss))
        inside += each.gap[-1] in forecast.interval(0.8)
        errors.append((forecast.mean - each.gap[-1]) / loss)
    error = math.sqrt(float(np.mean(np.square(errors)))) if errors else math.nan
    return Score(len(logs), sum(logs), inside, error, evidence / len(ladders))


def read_suites(data: Path, studies: list[Path]) -> dict[str, list[Ladder]]:
    """Every suite that is there."""
    suites = {"LOG.md": list(from_notebook(ROOT / "LOG.md"))}
    if studies:
        suites["studies"] = [each for folder in studies for each in from_study(folder)]
    if data.is_dir():
        suites["optimizers"] = list(optimizers(data))
        suites["parallel"] = list(parallel(data))
        suites["learning rates"] = list(learning_rates(data))
        suites["recipes"] = list(recipes(data))
    else:
        print(f"{data} is missing: no published ladders (--data DIR, or PROVEOUT_SHARED_DATA)")
    return suites


def differences(prior: GapPrior) -> str:
    """What of a prior is not the default."""
    changed = {k: v for k, v in vars(prior).items() if v != getattr(GapPrior(), k)}
    return "\n".join(f"{k} {v}" for k, v in changed.items()) or "default"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--studies", type=Path, nargs="*", default=[])
    parser.add_argument("--what", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    arguments = parser.parse_args()
    suites = read_suites(arguments.data, arguments.studies)
    for what in arguments.what:
        table = Table("prior", *suites, "all", title="log score | inside 80% | error | evidence")
        for prior in VARIANTS[what]:
            scores = [score(ladders, prior) for ladders in suites.values()]
            cells = [
                f"{s.log_score:.1f} | {s.inside}/{s.forecasts} | {s.error:.2%} | {s.evidence:.2f}"
                for s in scores
            ]
            log_score, count = sum(s.log_score for s in scores), sum(s.forecasts for s in scores)
            inside = sum(s.inside for s in scores)
            table.add_row(differences(prior), *cells, f"{log_score:.1f} | {inside}/{count}")
        Console(width=60 + 32 * len(suites)).print(table)


if __name__ == "__main__":
    main()
