"""Are the numbers of `FIELD_PRIOR` the right ones? Each is halved and doubled, source by source.

A prior is judged by the log density that the belief of `proveout decide` gives to the gaps at the
target before they are seen, with the noise of the largest scale that is: means over ideas within a
cut, over cuts within a source, and over sources, so that no source counts for its size. The least
gain with any one source left out says whether a change is the wish of one source alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from _problems import Cut
from rich.console import Console
from rich.table import Table
from scipy.special import gammaln

from proveout.scaling import FIELD_PRIOR, Course, FieldPrior, GapsAt
from proveout.verdicts._decide import DECADES, believe_table, board_of_table
from proveout.verdicts._table import tabulate

Floats = npt.NDArray[np.float64]

WORST = -12.0  # nats: so much may one gap cost, that no single one decides
WHAT = ("courses", "levels", "weights")


def log_score(cut: Cut, prior: FieldPrior) -> float:
    """The mean log density of the gaps at the target, in shares of the baseline's loss there."""
    exponent, loss = DECADES[cut.problem.unit], abs(float(cut.truth[0]))
    table = tabulate(cut.runs, cut.problem.baseline, exponent)
    board = board_of_table(table, cut.target**exponent, exponent)
    belief, _ = believe_table(board, table, named=True, prior=prior)
    rows = np.array([table.arms.index(idea) - 1 for idea in cut.ideas[1:]])
    cells = belief.cells
    last = [int(np.flatnonzero(cells.runs[row] > 0)[-1]) for row in rows]
    noise = cells.variance[rows, last] + np.where(np.isfinite(cells.shared), cells.shared, 0)[last]
    changed = ~cells.identical[rows]
    logs = _log_density(belief.at_target.some(rows), noise, cut.truth[1:] - cut.truth[0])
    return float(np.maximum(logs[changed] + np.log(loss), WORST).mean()) if changed.any() else 0.0


def _log_density(at: GapsAt, noise: Floats, truth: Floats) -> Floats:
    """Of mixtures of Student's t at one compute, [I], with the noise of a measurement [I]."""
    variance, dof = at.variances[:, :, 0] + noise[:, None], at.dofs[:, :, 0]
    z2 = (truth[:, None] - at.means[:, :, 0]) ** 2 / variance
    logs = gammaln((dof + 1) / 2) - gammaln(dof / 2) - np.log(np.pi * dof * variance) / 2
    logs -= (dof + 1) / 2 * np.log1p(z2 / dof)
    found: Floats = np.logaddexp.reduce(np.log(at.weights + 1e-300) + logs, axis=1)
    return found


def by_source(chosen: Sequence[tuple[str, Cut]], prior: FieldPrior) -> dict[str, float]:
    """The mean log score of each source."""
    scores: dict[str, list[float]] = {}
    for source, cut in chosen:
        scores.setdefault(source, []).append(log_score(cut, prior))
    return {source: float(np.mean(each)) for source, each in scores.items()}


def variants(what: Sequence[str]) -> Iterator[tuple[str, FieldPrior]]:
    """Every number of the prior, halved and doubled; a fade of nothing is made one of a tenth."""
    prior = FIELD_PRIOR
    for factor in (0.5, 2.0):
        for course in dict.fromkeys(prior.courses) if "courses" in what else ():
            for name, value in vars(course).items():
                changed = replace(course, **{name: factor * value or 0.2 * factor - 0.2})
                courses = _swapped(prior.courses, course, changed)
                yield f"{_told(course)}: {name} x{factor:g}", replace(prior, courses=courses)
        for kind, level in enumerate(prior.levels) if "levels" in what else ():
            moved = list(prior.levels)
            moved[kind] = factor * level
            yield f"{_kind(kind)}: level x{factor:g}", replace(prior, levels=tuple(moved))
        for kind, weight in enumerate(prior.weights) if "weights" in what else ():
            weights = list(prior.weights)
            weights[kind] = factor * weight
            yield f"{_kind(kind)}: weight x{factor:g}", replace(prior, weights=tuple(weights))


def _swapped(courses: Sequence[Course], old: Course, new: Course) -> tuple[Course, ...]:
    return tuple(new if each == old else each for each in courses)


def _told(course: Course) -> str:
    return "course " + "/".join(f"{value:g}" for value in vars(course).values())


def _kind(kind: int) -> str:
    return f"level {FIELD_PRIOR.levels[kind]:g}, {_told(FIELD_PRIOR.courses[kind])}"


def show_variants(chosen: Sequence[tuple[str, Cut]], what: Sequence[str]) -> None:
    """Prints what each change gains in nats a gap, by source and with any source left out."""
    now = by_source(chosen, FIELD_PRIOR)
    table = Table("change", "gain", "with one left out", *now, title="log score: what changes gain")
    table.add_row("none: the scores", f"{np.mean(list(now.values())):.3f}", "",
                  *(f"{score:.2f}" for score in now.values()))  # fmt: skip
    for name, prior in variants(what):
        gains = np.array(list(by_source(chosen, prior).values())) - np.array(list(now.values()))
        cells = [f"{gain:+.3f}" for gain in gains]
        table.add_row(name, f"{gains.mean():+.3f}", _left_out(gains), *cells)
    Console(width=70 + 12 * len(now)).print(table)


def _left_out(gains: Floats) -> str:
    """The least and the most of the mean gains with one source left out."""
    if gains.size < 2:
        return "-"
    others = (gains.sum() - gains) / (gains.size - 1)
    return f"{others.min():+.3f} to {others.max():+.3f}"
