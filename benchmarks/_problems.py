"""Decision problems made of public measurements: which idea is best at a scale not yet run?

A `Problem` is a table of runs by idea, scale and seed with what the ideas are held against. It is
cut below its largest scale: what lies there is the truth, and methods see what lies below. Problems
of one `source` share models, data or authors, so that what is learnt from some sources is tested on
another. Nothing is interpolated: ideas are compared where they were run at one scale (within 3%).
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _suites import GADRE_LOSSES, Row, active, amount, grouped, read_rows

from proveout.verdicts import Run
from proveout.verdicts._decide import DECADES

Floats = npt.NDArray[np.float64]

FACTORS = (1.0, 3.0, 10.0, 30.0, 100.0)
"""How far below the truth's compute the largest run may lie; 1 is the next scale of the table."""
LEAST_SCALES, LEAST_IDEAS = 2, 5
GRID = Path(__file__).parent / "grid"


@dataclass(frozen=True)
class Problem:
    """Runs of several ideas over a ladder of scales.

    Attributes:
        name: unique among problems.
        source: what is left out together.
        unit: of the scales, one of `DECADES`.
        baseline: the idea that gaps are taken against.
        runs: of all ideas.
    """

    name: str
    source: str
    unit: str
    baseline: str
    runs: tuple[Run, ...]


@dataclass(frozen=True, eq=False)
class Cut:
    """A problem seen up to some scale, and what is true at its largest.

    Attributes:
        problem: which one.
        factor: what the largest run's compute was meant to be divided by.
        runs: that may be seen.
        target: the largest scale, in the problem's unit.
        ideas: [A] the baseline first: those run at the last scale that is seen and at the target.
        truth: [A], mean losses at the target.
    """

    problem: Problem
    factor: float
    runs: tuple[Run, ...]
    target: float
    ideas: tuple[str, ...]
    truth: Floats


def cuts(problem: Problem, factors: Sequence[float] = FACTORS) -> list[Cut]:
    """The problem seen from further and further below; each set of scales once."""
    found: list[Cut] = []
    for factor in factors:
        made = _cut(problem, factor)
        if made is not None and all(len(made.runs) != len(other.runs) for other in found):
            found.append(made)
    return found


def _cut(problem: Problem, factor: float) -> Cut | None:
    """None where two scales, the baseline or a rival are missing."""
    target = _target(problem)
    bound = target / max(1.03, 0.99 * factor ** (1 / DECADES[problem.unit]))
    seen = tuple(run for run in problem.runs if run.scale <= bound)
    if target == 0 or len(_apart({run.scale for run in seen})) < LEAST_SCALES:
        return None
    last = max(run.scale for run in seen if run.idea == problem.baseline)
    here = {run.idea for run in seen if _same(run.scale, last)}
    there = defaultdict(list)
    for run in problem.runs:
        if _same(run.scale, target):
            there[run.idea].append(run.loss)
    both = [idea for idea in there if idea in here and idea != problem.baseline]
    if not both:
        return None
    ideas = (problem.baseline, *both)
    truth = np.array([float(np.mean(there[idea])) for idea in ideas])
    return Cut(problem, factor, seen, target, ideas, truth)


def _target(problem: Problem) -> float:
    """The largest scale of the baseline at which most of the ideas that got far were run; 0 if
    there is none."""
    ideas: dict[float, set[str]] = {
        run.scale: set() for run in problem.runs if run.idea == problem.baseline
    }
    for scale, there in ideas.items():
        there.update(run.idea for run in problem.runs if _same(run.scale, scale))
    half = len({run.idea for run in problem.runs}) / 2
    whole = [scale for scale, there in ideas.items() if len(there) >= min(half, LEAST_IDEAS)]
    return max(whole, default=0.0)


def _same(scale: float, other: float) -> bool:
    """Whether two scales stand for one."""
    return abs(math.log(scale / other)) < math.log(1.03)


def _apart(scales: Iterable[float]) -> list[float]:
    """One of each group of scales that are within 3%."""
    found: list[float] = []
    for scale in sorted(scales):
        if not found or scale > 1.03 * found[-1]:
            found.append(scale)
    return found


def read_problems(folder: Path, grid: Path = GRID) -> list[Problem]:
    """All of them: those of the folder of public measurements, and of the recorded grid."""
    readers: Sequence[Callable[[Path], Iterator[Problem]]] = (
        read_recipes, read_mixtures, read_experts, read_sparsity, read_streams, read_optimizers,
        read_rates, read_ratios, read_curves,
    )  # fmt: skip
    public = [p for reader in readers for p in reader(folder)] if folder.is_dir() else []
    return [*public, *read_recorded(grid)]


def _runs(rows: Iterable[Row], idea: str, scale: str, loss: str) -> tuple[Run, ...]:
    return tuple(Run(row[idea], float(row[scale]), float(row[loss])) for row in rows)


def read_recipes(folder: Path) -> Iterator[Problem]:
    """Three data recipes over sizes at the same tokens a parameter, and over tokens at one size
    (Gadre et al. 2024)."""
    rows = read_rows(folder, "gadre_overtraining/losses.csv")
    for loss in GADRE_LOSSES:
        for mult, group in grouped(rows, lambda row: row["mult"]).items():
            runs = _runs(group, "ds", "C", loss)
            yield Problem(f"recipes {loss} x{mult}", "gadre", "flops", "c4_original", runs)
        for size, group in grouped(rows, lambda row: row["N"]).items():
            runs = _runs(group, "ds", "T", loss)
            yield Problem(f"recipes {loss} N{size}", "gadre", "tokens", "c4_original", runs)


def read_mixtures(folder: Path) -> Iterator[Problem]:
    """Twenty-six mixtures of five domains over model sizes, by the loss on each domain."""
    rows = read_rows(folder, *active("domain_mixture"))
    names = [f"proportion_domain_{number}" for number in range(1, 6)]
    for number in range(1, 6):
        runs = [
            Run("/".join(row[name] for name in names), 1e6 * float(row["group"][:-1]),
                float(row[f"loss_domain_{number}"]))
            for row in rows
        ]  # fmt: skip
        yield Problem(f"mixtures, domain {number}", "mixtures", "params", runs[0].idea, tuple(runs))


def read_experts(folder: Path) -> Iterator[Problem]:
    """Numbers of experts over the dense parameter count."""
    rows = read_rows(folder, *active("moe"))
    runs = _runs(rows, "num_experts", "dense_parameter_count", "loss_validation")
    yield Problem("experts", "moe", "params", "1.0", runs)


def read_sparsity(folder: Path) -> Iterator[Problem]:
    """Degrees of sparsity over the dense parameter count, for each split of the tokens."""
    rows = read_rows(folder, *active("sparsity"))
    for name, group in grouped(rows, lambda row: row["group"]).items():
        runs = [
            Run(f"{float(row['P']):.1f}", 1e9 * float(row["N_dense"]), float(row["loss"]))
            for row in group
        ]
        baseline = min(runs, key=lambda run: float(run.idea)).idea
        yield Problem(f"sparsity {name}", "sparsity", "params", baseline, tuple(runs))


def read_streams(folder: Path) -> Iterator[Problem]:
    """Numbers of parallel streams over parameters, on two data sets."""
    rows = read_rows(folder, *active("parallel"))
    for name, group in grouped(rows, lambda row: row["group"]).items():
        runs = _runs(group, "parallel_size", "num_params", "loss")
        yield Problem(f"streams {name}", "parallel", "params", "1", runs)


def read_optimizers(folder: Path) -> Iterator[Problem]:
    """Optimizers over model sizes at Chinchilla's tokens, and over tokens at one size."""
    rows = read_rows(folder, "marin_optimizers/best_losses.csv")
    loss = "best_c4en_eval_loss"
    first = [row for row in rows if row["chinchilla_ratio"] == "1"]
    sizes = tuple(Run(r["optimizer"], amount(r["model_size"]), float(r[loss])) for r in first)
    yield Problem("optimizers over size", "marin", "params", "adamw", sizes)
    large = [row for row in rows if row["model_size"] == "1.2b"]
    tokens = tuple(Run(r["optimizer"], amount(r["tokens"]), float(r[loss])) for r in large)
    yield Problem("optimizers over tokens", "marin", "tokens", "adamw", tokens)


def read_rates(folder: Path) -> Iterator[Problem]:
    """Learning rates and batch sizes over model size, and over tokens."""
    rows = read_rows(folder, *active("lr_bsz"))
    size, data = "non_embedding_param_size", "data_size"
    for over, fixed, unit in ((size, data, "params"), (data, size, "tokens")):
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            groups[row[fixed]].append(row)
        for name, group in groups.items():
            cells: dict[tuple[str, float], float] = {}
            for row in group:
                # Rates lie on a grid of root two, written to three or four digits.
                idea = f"rate 2^{round(2 * math.log2(float(row['lr']))) / 2} batch {row['bsz']}"
                cells[idea, float(row[over])] = float(row["lm_loss"])
            runs = tuple(Run(idea, scale, loss) for (idea, scale), loss in cells.items())
            baseline = _most_run(runs)
            yield Problem(f"rates over {unit} at {float(name):.3g}", "lr_bsz", unit, baseline, runs)


def _most_run(runs: Sequence[Run]) -> str:
    """The idea run at most scales, and among those the middle one by loss at its largest."""
    by_idea: dict[str, dict[float, float]] = defaultdict(dict)
    for run in runs:
        by_idea[run.idea][run.scale] = run.loss
    most = max(len(scales) for scales in by_idea.values())
    whole = [idea for idea, scales in by_idea.items() if len(scales) == most]
    return sorted(whole, key=lambda idea: by_idea[idea][max(by_idea[idea])])[len(whole) // 2]


def read_ratios(folder: Path) -> Iterator[Problem]:
    """Tokens a parameter over compute: sizes and tokens of Farseer's grid are powers of root two,
    so that each ratio was run at the same computes."""
    cells: dict[tuple[int, int], float] = {}
    for row in read_rows(folder, *active("farseer")):
        size = round(4 * math.log2(float(row["N"]) / 1e8))
        data = round(4 * math.log2(float(row["D"]) / 1e9))
        if abs(2 ** (data / 4) * 1e9 / float(row["D"]) - 1) < 0.02:
            cells[data - size, data + size] = float(row["loss"])
    runs = tuple(
        Run(f"{10 * 2 ** (ratio / 4):.3g} tokens a parameter", 6e17 * 2 ** (compute / 4), loss)
        for (ratio, compute), loss in cells.items()
        if ratio % 4 == 0 and compute % 4 == 0
    )
    yield Problem("ratios", "farseer", "flops", "20 tokens a parameter", runs)


def read_curves(folder: Path) -> Iterator[Problem]:
    """Models as ideas on one task each, over examples seen: points within 2% of doublings."""
    names = [f"alabdulmohsin/benchmark.{part}.csv" for part in ("vision", "lang")]
    rows = read_rows(folder, *names)
    for task, group in grouped(rows, lambda row: f"{row['Domain']} {row['Task']}").items():
        first = min(float(row["Seen Examples"]) for row in group)
        cells: dict[tuple[str, int], tuple[float, float, float]] = {}
        for row in group:
            seen, loss = float(row["Seen Examples"]), float(row["Loss"])
            step = round(math.log2(seen / first))
            off = abs(math.log2(seen / first) - step)
            key = row["Model"], step
            if off < 0.03 and (key not in cells or off < cells[key][0]):
                cells[key] = off, first * 2**step, loss
        runs = tuple(Run(model, seen, loss) for (model, _), (_, seen, loss) in cells.items())
        if len({run.idea for run in runs}) > 1:
            source = "curves-" + group[0]["Domain"]
            yield Problem(f"curves {task}", source, "tokens", _most_run(runs), runs)


def read_recorded(folder: Path) -> Iterator[Problem]:
    """The ideas of the recorded grid, with seeds; the truth at each of its upper rungs."""
    runs = [run for name in ("byte_lm", "byte_lm_large") for run in _recorded(folder, name)]
    scales = sorted({run.scale for run in runs})
    for top in scales[3:]:
        below = tuple(run for run in runs if run.scale <= top)
        yield Problem(f"byte_lm to {top:.0e}", "byte_lm", "flops", "baseline", below)


def _recorded(folder: Path, name: str) -> Iterator[Run]:
    path = folder / f"{name}.csv"
    if not path.exists():
        return
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            if row["bits_per_byte"]:
                yield Run(row["idea"], float(row["flops"]), float(row["bits_per_byte"]),
                          row["replicate"])  # fmt: skip


def without_seeds(cut: Cut) -> Cut:
    """One run of each idea and scale, as most tables have."""
    first: dict[tuple[str, float], Run] = {}
    for run in cut.runs:
        first.setdefault((run.idea, run.scale), replace(run, seed=None))
    return replace(cut, runs=tuple(first.values()))
