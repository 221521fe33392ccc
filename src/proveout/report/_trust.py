"""How far a study's numbers can be trusted, in sentences: the sealed part, the audits, the
chain."""

from __future__ import annotations

import math

from proveout.ledger import History, PromotionRead, TrialRecord
from proveout.report._facts import metric_name
from proveout.report._text import clean, gap, loss
from proveout.study import Study
from proveout.verdicts import selection_bias


def trust_lines(study: Study, history: History) -> tuple[str, ...]:
    """What the sealed part says of everything that was selected, and the head of the ledger."""
    copies = _copies(study, history)
    return (*_split(history), *copies, *_reads(study, history), *_ledger(history))


def evidence_lines(history: History, idea: str) -> tuple[str, ...]:
    """What the sealed part and the audits say of one idea, a sentence each."""
    reads = [_read(each) for each in history.promotions_of(idea)]
    records = [r for r in history.trials.values() if r.trial.idea == idea and r.audits]
    dearest = sorted(records, key=lambda record: record.trial)[-1:]
    return (*reads, *map(_audits, dearest))


def _split(history: History) -> tuple[str, ...]:
    split = history.split
    if split is None:
        return ("The held-out data has no sealed part: what was selected cannot be scored anew.",)
    left_out = len(split.near) + len(split.seen)
    told = f"; {left_out} near-copies were left out" if left_out else ""
    return (
        f"Of the held-out data {split.search_items} items are searched on and {split.sealed_items} "
        f"are sealed{told}.",
    )


def _copies(study: Study, history: History) -> tuple[str, ...]:
    """Whether trials could find what the held-out data was copied from."""
    if study.run.hidden is None:
        return ()
    measured = [past.measurement for past in history.trials.values() if past.measurement]
    open_ = sum(each.isolation == "E" for each in measured)
    if open_:
        return (
            f"What the held-out data was copied from ({study.run.hidden}) could be read by "
            f"{open_} of {len(measured)} measured trials: level E, which they ran at, hides "
            "nothing.",
        )
    return (
        f"What the held-out data was copied from ({study.run.hidden}) was hidden from all trials.",
    )


def _reads(study: Study, history: History) -> tuple[str, ...]:
    if history.split is None:
        return ()
    count = sum(
        each.agrees is not None or each.measurement is not None
        for each in history.promotions.values()
    )
    refuted = sum(each.agrees is False for each in history.promotions.values())
    told = f"The sealed part was read {count} times, for a trial each; {refuted} were refuted."
    bias = selection_bias(history)
    if bias is None:
        return (told,)
    sign = -1.0 if history.turned else 1.0
    error = f"± {bias.standard_error:.4f}" if math.isfinite(bias.standard_error) else ""
    return (
        told,
        f"Selection bias: the {bias.trials} selected trials that agreed have a gap of "
        f"{gap(bias.search_gap, 4)} {metric_name(study)} in the mean where they were selected and "
        f"of {gap(bias.sealed_gap, 4)} on the sealed part: a bias of {gap(sign * bias.bias, 4)} "
        f"{error} (above zero, they looked better than they are; the standard error is from the "
        "items).",
    )


def _ledger(history: History) -> tuple[str, ...]:
    if not history.head:
        return ()
    return (
        f"The ledger has {history.entries} entries and its head is {clean(history.head, 64)}. "
        "Noted elsewhere, this number proves all of them.",
    )


def _read(read: PromotionRead) -> str:
    word = {True: "agreed", False: "refuted", None: "not read"}[read.agrees]
    if read.agrees is None and read.measurement is not None:
        word = "not borne out"
    value = f" {loss(read.measurement.value)}" if read.measurement else ""
    told = f"{clean(read.trial, 80)} with its targets withheld:{value} {word}: "
    return told + clean(read.why, 400)


def _audits(record: TrialRecord) -> str:
    told = "; ".join(
        f"{each.name} {'passed' if each.passed else 'FAILED'} ({clean(each.evidence, 200)})"
        for each in record.audits
    )
    return f"{clean(record.trial.id, 80)} audits: {told}"
