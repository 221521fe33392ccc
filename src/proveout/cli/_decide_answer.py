"""The answer of `proveout decide` in a sentence, above the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from proveout.units import scale_text

if TYPE_CHECKING:
    from proveout.verdicts import Decision, IdeaDecision

_CLEARLY_BEST = 0.8
_RIVALS = 3  # named at most
_POSSIBLE = 0.1  # of being the best
_HOPEFUL = 0.6  # of helping
_EVEN = 0.505  # of helping: what reads 50%
_LIKELY = (0.9, "likely"), (0.7, "likelier than not"), (0.0, "a little likelier than not")


def answer(decision: Decision) -> str:
    """What to do at the target, from verdicts and probabilities alone."""
    known = [each for each in decision.ideas if each.gap_at_target is not None]
    at = scale_text(decision.target, decision.unit)
    if not known:
        return f"nothing is known of any gap at {at}"
    holding = [each for each in known if each.verdict == "holds"]
    if holding:
        return _winner(decision, holding, at)
    if decision.baseline is None:
        best = max(known, key=lambda each: each.probability_best or 0.0)
        return (f"no idea is sure to be better than the average one at {at}; the likeliest best is "
                f"{best.idea}, with probability {_percent(best.probability_best)}")  # fmt: skip
    unsure = [each for each in known if each.verdict == "undecided"]
    hopes = [each for each in unsure if (each.probability_helps or 0.0) >= _HOPEFUL]
    if not hopes:
        more = "; more runs would tell" if unsure else ""
        return f"keep {decision.baseline}: {_likeliest(known, at)}{more}"
    likeliest = max(hopes, key=lambda each: each.probability_best or 0.0)
    return (f"no idea is sure to be better than {decision.baseline} at {at}; the likeliest best is "
            f"{likeliest.idea}, which helps with probability "
            f"{_percent(likeliest.probability_helps)}: more runs of it would tell")  # fmt: skip


def _likeliest(known: Sequence[IdeaDecision], at: str) -> str:
    """How likely the likeliest of ideas is to be better, where none is enough so."""
    likely = max(known, key=lambda each: each.probability_helps or 0.0)
    helps = likely.probability_helps or 0.0
    if helps <= _EVEN:
        return f"no idea is likely to be better at {at}"
    how = next(words for least, words in _LIKELY if helps >= least)
    but = {"broken": "but its runs fail", "no effect": "but hardly by more than nothing"}
    short = but.get(likely.verdict, "which is not enough")
    return f"{likely.idea} is {how} to be better at {at} ({_percent(helps)}), {short}"


def _winner(decision: Decision, holding: Sequence[IdeaDecision], at: str) -> str:
    best = max(holding, key=lambda each: each.probability_best or 0.0)
    than = decision.baseline or "the average idea"
    told = (f"{best.idea} is better than {than} at {at} by {_gap(best)}, with probability "
            f"{_percent(best.probability_helps)}")  # fmt: skip
    if best.compute_multiplier is not None:
        told += f", worth {best.compute_multiplier:.2f} times the compute"
    if (best.probability_best or 0.0) >= _CLEARLY_BEST:
        return f"{told}; it is the best of all with probability {_percent(best.probability_best)}"
    rivals = [each.idea for each in decision.ideas
              if each is not best and (each.probability_best or 0.0) >= _POSSIBLE]  # fmt: skip
    shown = ", ".join(rivals[:_RIVALS]) + f" and {len(rivals) - _RIVALS} more" * (
        len(rivals) > _RIVALS
    )
    return f"{told}; the best may be {shown} too" if rivals else told


def _gap(idea: IdeaDecision) -> str:
    """`0.045 (80%: 0.015 to 0.079)`: how much better what holds is."""
    mean, ends = idea.gap_at_target or 0.0, idea.interval80
    if ends is None:
        return f"{abs(mean):.3g}"
    low, high = sorted(math.copysign(1.0, mean) * end for end in ends)
    return f"{abs(mean):.3g} (80%: {low:.2g} to {high:.2g})"


def _percent(probability: float | None) -> str:
    """Never 0% or 100%, which no runs can show."""
    return f"{100 * min(max(probability or 0.0, 0.001), 0.999):.3g}%"
