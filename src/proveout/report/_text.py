"""Records as short text: numbers, intervals, verdict words. What is not known is a dash."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from proveout.ledger import TrialRecord, Verdict
from proveout.trials import clean as clean
from proveout.trials import clean_lines as clean_lines
from proveout.units import duration

DASH = "—"


class Mark(NamedTuple):
    """How a verdict is shown: a sign for those who see no colour, a colour for the others."""

    sign: str
    terminal: str
    """A rich style, legible on dark and on light backgrounds."""
    ink: str
    """A colour for paper, from Okabe and Ito's colour-blind-safe palette."""
    marker: str
    """Matplotlib's name of the marker."""


MARKS = {
    "holds": Mark("✓", "bold green", "#009E73", "o"),
    "fades": Mark("↘", "yellow", "#E69F00", "v"),
    "reverses": Mark("⇄", "bold yellow", "#D55E00", "D"),
    "undecided": Mark("?", "cyan", "#56B4E9", "s"),
    "no effect": Mark("=", "bright_black", "#777777", "P"),
    "hurts": Mark("✗", "red", "#CC79A7", "X"),
    "rejected": Mark("⊘", "bold red", "#000000", "*"),
    "broken": Mark("!", "bold red", "#000000", "h"),
}
"""Every verdict, best first."""

_PENDING = Mark("·", "bright_black", "#777777", ".")


def mark(verdict: str | None) -> Mark:
    """The mark of a verdict; of a word from a later version, or of none yet, a dot."""
    return MARKS.get(verdict or "", _PENDING)


def look_of(verdict: str) -> str:
    """The class of a verdict in style sheets."""
    return verdict.replace(" ", "-") if verdict in MARKS else "none"


def known(value: float | None) -> bool:
    """Whether there is a number at all."""
    return value is not None and math.isfinite(value)


def decimals(half_widths: Iterable[float]) -> int:
    """Decimals that show what the intervals can tell and no more: between 2 and 6."""
    widths = [width for width in half_widths if known(width) and width > 0]
    if not widths:
        return 3
    return min(max(math.ceil(0.5 - math.log10(median(widths))), 2), 6)


def gap_decimals(verdicts: Iterable[Verdict]) -> int:
    """Decimals for a column of gaps."""
    return decimals((v.interval80[1] - v.interval80[0]) / 2 for v in verdicts if v.interval80)


def gap(value: float | None, digits: int = 3) -> str:
    """A gap with its sign: `-0.210`."""
    if value is None or not math.isfinite(value):
        return DASH
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def loss(value: float | None, digits: int = 4) -> str:
    """A loss: `3.4120`."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def interval(ends: tuple[float, float] | None, digits: int = 3) -> str:
    """An interval of gaps: `[-0.270, -0.150]`."""
    if ends is None or not all(map(math.isfinite, ends)):
        return DASH
    return f"[{gap(ends[0], digits)}, {gap(ends[1], digits)}]"


def gap_with_interval(verdict: Verdict, digits: int = 3) -> str:
    """The gap at the target and its 80% interval: `-0.21 [-0.27, -0.15]`."""
    if verdict.gap_at_target is None:
        return DASH
    shown = gap(verdict.gap_at_target, digits)
    return f"{shown} {interval(verdict.interval80, digits)}" if verdict.interval80 else shown


def multiplier(value: float | None) -> str:
    """A compute multiplier: `1.85×`."""
    return DASH if value is None or not math.isfinite(value) else f"{_factor(value)}×"


def multiplier_with_interval(verdict: Verdict) -> str:
    """The compute multiplier and its 80% interval: `1.85× [1.42, 2.60]`.

    An end of the interval that the ledger leaves open lies past all that laws of a ladder can say,
    if the baseline ever gets there: `∞`. So does a median that is unknown above a lower end.
    """
    ends = verdict.multiplier_interval80
    if ends is None or ends[0] is None:
        return multiplier(verdict.compute_multiplier)
    high = "∞" if ends[1] is None else _factor(ends[1])
    middle = verdict.compute_multiplier
    return f"{'∞' if middle is None else multiplier(middle)} [{_factor(ends[0])}, {high}]"


def _factor(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if value >= 0.01 else f"{value:.4f}"


def probability(value: float | None) -> str:
    """A probability that never reads as certain: `97%`, `99.5%`, `>99.9%`."""
    if value is None or not math.isfinite(value):
        return DASH
    if value > 0.999:
        return ">99.9%"
    if value < 0.001:
        return "<0.1%"
    return f"{100 * value:.{0 if 0.01 <= value < 0.985 else 1}f}%"


def seeds_of(verdict: Verdict) -> str:
    """At how many rungs with how many seeds: `4 × 2-4`."""
    if not verdict.measured:
        return DASH
    pairs = sorted({pairs for *_, pairs in verdict.measured})
    ends = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]}-{pairs[-1]}"
    return f"{len(verdict.measured)} × {ends}"


def share(part: float, whole: float) -> str:
    """A share of something: `42%`; a dash where there is no whole."""
    if whole <= 0:
        return DASH
    percent = 100 * part / whole
    return f"{percent:.1f}%" if 0 < percent < 10 else f"{percent:.0f}%"


def trial_line(record: TrialRecord) -> str:
    """One line for a trial: `✓ rotary-r2-s1  3.4120 bits/byte  in 12 s`."""
    name = clean(record.trial.id, 80)
    took = f"  in {duration(record.usage.wall_seconds)}" if record.usage else ""
    if record.measurement is not None:
        measured = record.measurement
        return f"✓ {name}  {loss(measured.value)} {clean(measured.unit, 30)}{took}"
    if record.failure is not None:
        return f"✗ {name}  {record.failure.kind}: {clean(record.failure.sentence, 120)}{took}"
    return f"· {name}  {record.state}"
