"""What `proveout decide` works out: the baseline, what failed, and the decision itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from proveout.errors import UserError
from proveout.units import compact

_DIVERGED = 1e4  # times the usual loss at a scale

if TYPE_CHECKING:
    from proveout.points import IdeaRun, IdeaRuns
    from proveout.verdicts import Decision, IdeaDecision

BASELINE_NAMES = ("baseline", "base", "control", "default", "reference")
_NAMES_SHOWN = 20


@dataclass(frozen=True)
class Asked:
    """The options of the command that change what is decided."""

    target: str
    baseline: str | None
    certainty: float
    smallest_gap: float


class Decided(NamedTuple):
    """The decision, and the runs that it is from; `found_by_name` is of the baseline."""

    runs: IdeaRuns
    decision: Decision
    found_by_name: bool

    @property
    def shown(self) -> Decision:
        """With scales as the file counts them, and not in seconds."""
        times = self.runs.times
        if times == 1:
            return self.decision
        ideas = tuple(
            replace(
                each,
                measured=tuple((s / times, gap, error, n) for s, gap, error, n in each.measured),
                line=tuple((s / times, mean, low, high) for s, mean, low, high in each.line),
            )
            for each in self.decision.ideas
        )
        unit = self.runs.columns["scale"]
        return replace(self.decision, target=self.decision.target / times, unit=unit, ideas=ideas)


def weigh(runs: IdeaRuns, asked: Asked) -> Decided:
    """The decision on a table of runs; gaps are in the loss's own direction.

    Raises:
        UserError: a target, a baseline or another option that cannot be.
    """
    from numpy.linalg import LinAlgError

    from proveout.verdicts import Run, decide

    target = _target(runs, asked)
    baseline = _baseline(runs, asked.baseline)
    runs = _without_diverged(runs)
    higher = runs.higher_is_better
    sign = -1.0 if higher else 1.0
    scored = [Run(r.idea, r.scale, sign * r.loss, r.seed) for r in runs.runs if r.loss is not None]
    _check_scored(runs, {run.idea for run in scored}, baseline)
    try:
        decision = decide(
            scored, target, unit=runs.unit, baseline=baseline, certainty=asked.certainty,
            smallest_gap=asked.smallest_gap,
        )  # fmt: skip
    except LinAlgError:
        losses = [run.loss for run in scored]
        raise UserError(
            f"{runs.path}: no gap can be told from losses of {min(losses):g} to {max(losses):g} "
            f"at scales of {compact(min(run.scale for run in scored))} to "
            f"{compact(max(run.scale for run in scored))}; they are too much alike or too far "
            "apart, so look for a slip, or for a column that is not the loss"
        ) from None
    except ValueError as error:
        raise UserError(f"{runs.path}: {error}") from None
    if higher:
        decision = replace(decision, ideas=tuple(_turned(each) for each in decision.ideas))
    of_idea: dict[str, list[IdeaRun]] = {}
    for run in runs.runs:
        of_idea.setdefault(run.idea, []).append(run)
    found = tuple(_if_broken(each, of_idea[each.idea]) for each in decision.ideas)
    unscored = _unscored(runs, {*(each.idea for each in found), baseline})
    warnings = (*runs.warnings, *_failures(runs), *decision.warnings)
    decision = replace(decision, ideas=(*found, *unscored), warnings=warnings)
    return Decided(runs, decision, asked.baseline is None and baseline is not None)


def _without_diverged(runs: IdeaRuns) -> IdeaRuns:
    """A loss that is out of all proportion to the others at its scale is no measurement."""
    usual: dict[float, list[float]] = {}
    for run in runs.runs:
        if run.loss is not None:
            usual.setdefault(run.scale, []).append(abs(run.loss))
    middles = {scale: sorted(sizes)[(len(sizes) - 1) // 2] for scale, sizes in usual.items()}
    kept, warnings = [], list(runs.warnings)
    for run in runs.runs:
        if run.loss is not None and 0 < _DIVERGED * middles[run.scale] < abs(run.loss):
            warnings.append(
                f"line {run.line}: a loss of {run.loss:g}, where others at its scale "
                f"have {middles[run.scale]:.4g}, is a run that failed"
            )
            run = run._replace(loss=None, failed=True)
        kept.append(run)
    return replace(runs, runs=tuple(kept), warnings=tuple(warnings))


def _target(runs: IdeaRuns, asked: Asked) -> float:
    if not 0.5 <= asked.certainty < 1:
        raise UserError(f"--certainty is {asked.certainty:g}; it must be at least 0.5 and below 1")
    if not 0 <= asked.smallest_gap < 1:
        raise UserError(f"--smallest-gap is {asked.smallest_gap:g}; it is a share of the loss, "
                        "at least 0 and below 1, such as 0.01")  # fmt: skip
    try:
        return runs.amount(asked.target)
    except ValueError as error:
        raise UserError(f"--target {error}") from None


def _baseline(runs: IdeaRuns, asked: str | None) -> str | None:
    """The idea that is named, in capitals or not; else the first that has a baseline's name."""
    for wanted in BASELINE_NAMES if asked is None else (asked,):
        if wanted in runs.ideas:
            return wanted
        alike = [idea for idea in runs.ideas if idea.casefold() == wanted.strip().casefold()]
        if len(alike) == 1:
            return alike[0]
    if asked is not None:
        names = ", ".join(runs.ideas[:_NAMES_SHOWN])
        more = f" and {len(runs.ideas) - _NAMES_SHOWN} more" * (len(runs.ideas) > _NAMES_SHOWN)
        raise UserError(f"--baseline {asked!r} is no idea of {runs.path}; there are: {names}{more}")
    return None


def _check_scored(runs: IdeaRuns, scored: set[str], baseline: str | None) -> None:
    if baseline is not None and baseline not in scored:
        raise UserError(f"{runs.path}: no run of the baseline {baseline!r} has a loss; "
                        "compare with another idea: --baseline IDEA")  # fmt: skip
    if len(scored) < 2:
        have = ", ".join(sorted(scored)) or "none"
        raise UserError(f"{runs.path}: of its {len(runs.ideas)} ideas two must have a loss to be "
                        f"compared; those that have: {have}")  # fmt: skip


def _turned(idea: IdeaDecision) -> IdeaDecision:
    """With gaps of what was read, where that was turned around for the decision."""
    ends = idea.interval80
    return replace(
        idea,
        gap_at_target=None if idea.gap_at_target is None else -idea.gap_at_target,
        interval80=None if ends is None else (-ends[1], -ends[0]),
        measured=tuple((scale, -gap, error, n) for scale, gap, error, n in idea.measured),
        line=tuple((scale, -mean, -high, -low) for scale, mean, low, high in idea.line),
    )


def _if_broken(idea: IdeaDecision, runs: Sequence[IdeaRun]) -> IdeaDecision:
    """As in a study: at some scale two runs failed or more, and more than have a loss."""
    failed = Counter(run.scale for run in runs if run.failed)
    scored = Counter(run.scale for run in runs if run.loss is not None)
    for scale, count in failed.items():
        if count >= 2 and count > scored[scale]:
            why = f"{count} of its {count + scored[scale]} runs at {compact(scale)} failed"
            return replace(idea, verdict="broken", why=f"{why}; without these: {idea.why}")
    return idea


def _unscored(runs: IdeaRuns, known: set[str | None]) -> list[IdeaDecision]:
    """Ideas of which no run has a loss."""
    from proveout.verdicts import IdeaDecision

    told = []
    for name in runs.ideas:
        if name not in known:
            of_idea = [run for run in runs.runs if run.idea == name]
            failed = sum(run.failed for run in of_idea)
            verdict = "broken" if failed else "undecided"
            count = f"{len(of_idea)} run{'s' * (len(of_idea) > 1)}"
            why = f"no loss from its {count}" + (f", of which {failed} failed" if failed else "")
            told.append(IdeaDecision(name, None, None, None, None, None, None, verdict, why))
    return told


def _failures(runs: IdeaRuns) -> list[str]:
    """What is passed over, an idea at a time."""
    lost: dict[str, list[IdeaRun]] = {}
    for run in runs.runs:
        if run.loss is None:
            lost.setdefault(run.idea, []).append(run)
    return [f"{name}: {_counted(gone)}, passed over" for name, gone in lost.items()]


def _counted(gone: Sequence[IdeaRun]) -> str:
    failed = sum(run.failed for run in gone)
    kinds = (failed, "failed"), (len(gone) - failed, "without a loss")
    counts = [f"{n} run{'s' * (n > 1)} {what}" for n, what in kinds if n]
    scales = [compact(scale) for scale in sorted({run.scale for run in gone})]
    lines = [str(run.line) for run in gone]
    where = f"line{'s' * (len(lines) > 1)} {', '.join(lines[:4])}{', ...' * (len(lines) > 4)}"
    at = ", ".join(scales) if len(scales) <= 3 else f"{scales[0]} to {scales[-1]}"
    return f"{' and '.join(counts)} at {at} ({where})"
