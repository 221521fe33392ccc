"""What tables, figures and pages share: records put in order and added up, nothing refitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from proveout.ideas import BASELINE, Idea
from proveout.ledger import Decided, History, TrialRecord, Verdict, VerdictsRead
from proveout.study import Study
from proveout.trials import Trial


@dataclass(frozen=True)
class Row:
    """One line of the table of ideas; `verdict` is None until it is first judged."""

    idea: str
    record: Idea | None
    verdict: Verdict | None

    @property
    def word(self) -> str:
        """The verdict as it is shown."""
        return self.verdict.verdict if self.verdict else "not judged"


def table_rows(history: History, verdicts: VerdictsRead | None) -> tuple[Row, ...]:
    """Every idea and stack: those with a verdict in the verdicts' order, then the others."""
    read = verdicts or history.verdicts
    judged = read.verdicts if read else ()
    rows = [Row(verdict.idea, history.ideas.get(verdict.idea), verdict) for verdict in judged]
    seen = {row.idea for row in rows} | {BASELINE}
    rest = [Row(name, idea, None) for name, idea in history.ideas.items() if name not in seen]
    return (*rows, *rest)


def carried(history: History, verdicts: VerdictsRead | None) -> str | None:
    """What the study took to its target: what it forecast last, else the best that holds."""
    if history.forecasts:
        return list(history.forecasts)[-1]
    held = [row for row in table_rows(history, verdicts) if row.word == "holds"]
    gaps = {row.idea: row.verdict.gap_at_target for row in held if row.verdict}
    known = {idea: gap for idea, gap in gaps.items() if gap is not None}
    best = max if history.turned else min
    return best(known, key=lambda idea: known[idea]) if known else None


def seed_gaps(history: History, idea: str, rung: int) -> dict[int, float]:
    """Idea minus baseline by replicate, for the seeds that both have."""
    ours, theirs = history.losses(idea, rung), history.losses(BASELINE, rung)
    return {seed: ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())}


def seed_gap(history: History, trial: Trial) -> float | None:
    """A trial's own gap to the baseline with the same seed; None where there is none."""
    if trial.idea == BASELINE:
        return None
    ours = history.losses(trial.idea, trial.rung).get(trial.replicate)
    theirs = history.losses(BASELINE, trial.rung).get(trial.replicate)
    return None if ours is None or theirs is None else ours - theirs


def rung_name(study: Study, rung: int) -> str:
    """`1e10`, or `1e13 (target)`."""
    label = study.rung(min(rung, len(study.rungs))).label
    return f"{label} (target)" if rung >= len(study.rungs) else label


def rungs_used(study: Study, history: History) -> range:
    """The ladder's rungs, and the target where a trial of it was started."""
    target = len(study.rungs)
    return range(target + any(trial.rung >= target for trial in history.trials))


@dataclass(frozen=True)
class Counts:
    """Trials at one rung."""

    done: int = 0
    running: int = 0
    failed: int = 0
    interrupted: int = 0


def count_trials(study: Study, history: History) -> tuple[Counts, ...]:
    """Trials by rung, the target's last."""
    states: list[list[str]] = [[] for _ in range(len(study.rungs) + 1)]
    for trial, record in history.trials.items():
        states[min(trial.rung, len(study.rungs))].append(record.state)
    return tuple(
        Counts(
            each.count("scored"),
            each.count("running"),
            each.count("failed"),
            each.count("interrupted"),
        )
        for each in states
    )


OUTCOMES = ("baseline", "ideas that hold", "stacks", "other ideas", "failed trials")
"""What a charge can have come to."""


@dataclass(frozen=True)
class Spending:
    """What finished trials of one kind cost."""

    trials: int = 0
    charged: float = 0.0
    train_seconds: float = 0.0
    score_seconds: float = 0.0

    @classmethod
    def of(cls, cells: Iterable[Spending]) -> Spending:
        """Several together."""
        each = list(cells)
        return cls(
            sum(one.trials for one in each),
            sum(one.charged for one in each),
            sum(one.train_seconds for one in each),
            sum(one.score_seconds for one in each),
        )


@dataclass(frozen=True)
class Spent:
    """Where the budget went."""

    by_cell: Mapping[tuple[int, str], Spending] = field(default_factory=dict)
    by_rung: Mapping[int, Spending] = field(default_factory=dict)
    by_outcome: Mapping[str, Spending] = field(default_factory=dict)
    total: Spending = Spending()


def spent(study: Study, history: History, verdicts: VerdictsRead | None) -> Spent:
    """Charges of finished trials, by rung and by what came of them."""
    words = {row.idea: row.word for row in table_rows(history, verdicts)}
    counted: dict[tuple[int, str], list[float]] = {}
    for trial, record in history.trials.items():
        if record.state not in {"scored", "failed"}:
            continue
        key = min(trial.rung, len(study.rungs)), _outcome(history, words, record)
        sums = counted.setdefault(key, [0, 0.0, 0.0, 0.0])
        sums[0] += 1
        sums[1] += record.charged
        if record.usage is not None:
            sums[2] += record.usage.wall_seconds
            sums[3] += record.usage.score_seconds
    cells = {key: Spending(int(n), *rest) for key, (n, *rest) in counted.items()}
    rungs, outcomes = sorted({rung for rung, _ in cells}), {outcome for _, outcome in cells}
    return Spent(
        cells,
        {r: Spending.of(each for (rung, _), each in cells.items() if rung == r) for r in rungs},
        {o: Spending.of(each for (_, outcome), each in cells.items() if outcome == o)
         for o in OUTCOMES if o in outcomes},
        Spending.of(cells.values()),
    )  # fmt: skip


def _outcome(history: History, words: Mapping[str, str], record: TrialRecord) -> str:
    name = record.trial.idea
    idea = history.ideas.get(name)
    if record.state == "failed":
        return "failed trials"
    if name == BASELINE:
        return "baseline"
    if idea is not None and idea.kind == "stack":
        return "stacks"
    return "ideas that hold" if words.get(name) == "holds" else "other ideas"


def failures_by_kind(history: History) -> dict[str, list[TrialRecord]]:
    """Failed trials by class, the commonest first."""
    kinds: dict[str, list[TrialRecord]] = {}
    failed = [record for record in history.trials.values() if record.failure is not None]
    for record in sorted(failed, key=lambda record: record.trial):
        assert record.failure is not None
        kinds.setdefault(record.failure.kind, []).append(record)
    return dict(sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0])))


def stamps(history: History) -> tuple[tuple[str, str, int], ...]:
    """(trust level, isolation level, measurements) as they are stamped on the records."""
    found: dict[tuple[str, str], int] = {}
    for record in history.trials.values():
        if (measured := record.measurement) is not None:
            key = measured.trust, measured.isolation
            found[key] = found.get(key, 0) + 1
    return tuple((trust, isolation, count) for (trust, isolation), count in sorted(found.items()))


def decided(history: History) -> tuple[Decided, ...]:
    """The decisions that were not only a purchase: what a trial was bought for stands with it."""
    return tuple(each for each in history.decisions if each.action != "Buy")


def metric_name(study: Study) -> str:
    """`bits per byte`."""
    return study.score.name.replace("_", " ")
