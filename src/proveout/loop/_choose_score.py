"""Which of the numbers that a program reports is its score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from proveout.errors import UserError
from proveout.survey import Reported, Scored, name_in, pattern_for, score_lines

NO_SCORE = "unknown"
"""The metric of a study of which none is known yet."""
NOT_YET = Scored(
    ('kind = "reported"', f'metric = "{NO_SCORE}"', f'key = "{NO_SCORE}"'),
    "No number that could be the score was found in what the smallest trial left. Say where it "
    "stands: a key of metrics.jsonl, a pattern of its output, or a JSON file in {out}.",
)
"""The score of a study of which none is known yet."""
_NAMELESS = "value"
"""A number of which nothing says what it is: a word that does not sound like more is better."""

Choose = Callable[[Sequence[Reported]], Reported]
"""Picks the score among what a trial reported, likeliest first."""


@dataclass(frozen=True)
class ScoreWish:
    """What a person says of the score; all of it optional."""

    name: str | None = None
    goal: str | None = None
    pattern: str | None = None
    file: str | None = None
    key: str | None = None
    believe: bool = False
    """Whether a number that nothing checks may make an idea hold."""
    command: str | None = None
    """What computes the score after a trial, from what it left."""
    held_out: str | None = None
    """A file or a folder in the program's that this command reads and no trial sees."""

    @property
    def named(self) -> bool:
        """Whether it says which number is the score."""
        return any((self.name, self.pattern, self.file, self.key))


def choose_score(
    numbers: Sequence[Reported], wish: ScoreWish, choose: Choose
) -> tuple[Reported | None, Scored]:
    """The number to go by among those that a trial reported; None where none is likely.

    Raises:
        UserError: the number that a person named was not reported; says which were.
    """
    told = _wished(numbers, wish)
    if told is None:
        likely = [n for n in numbers if n.rank is not None]
        if not likely:
            return None, NOT_YET
        told = choose(likely) if len(likely) > 1 else likely[0]
    return told, _as_wished(score_lines(told), wish)


def unseen_score(wish: ScoreWish) -> tuple[Reported | None, Scored]:
    """The score of a program whose trial failed: as a person says, unseen; or not known yet."""
    if not wish.named:
        return None, NOT_YET
    named = wish.name if not (wish.pattern or wish.file or wish.key) else None
    pattern = pattern_for(named) if named is not None else wish.pattern
    told = _wished((), replace(wish, pattern=pattern))
    assert told is not None
    return told, _as_wished(score_lines(told), wish)


def _as_wished(scored: Scored, wish: ScoreWish) -> Scored:
    """The table of a score with the direction that a person says, and whether it is believed."""
    if wish.goal is not None:
        lines = tuple(f'goal = "{wish.goal}"' if line.startswith("goal") else line
                      for line in scored.lines)  # fmt: skip
        scored = replace(scored, lines=lines)
    if wish.believe:
        lines = tuple("believe_reported = true" if "believe_reported" in line else line
                      for line in scored.lines)  # fmt: skip
        scored = Scored(lines, "What the program says of itself, which is believed.")
    return scored


def _wished(numbers: Sequence[Reported], wish: ScoreWish) -> Reported | None:
    """What a person says: a pattern or a file as it is, or the reported number of that name."""
    name = wish.name or wish.key or ""
    if wish.pattern is not None:
        name = name or name_in(wish.pattern) or _NAMELESS
        return Reported("output", name, None, pattern=wish.pattern)
    if wish.file is not None:
        return Reported("json", wish.key or name, None, file=wish.file)
    if wish.key is not None:
        return Reported("jsonl", wish.key, None, file="metrics.jsonl")
    if wish.name is None:
        return None
    there = [n for n in numbers if n.name.lower() == wish.name.lower()]
    there += [n for n in numbers if wish.name.lower() in n.name.lower()]
    if not there:
        said = ", ".join(dict.fromkeys(n.name for n in numbers)) or "no number at all"
        raise UserError(
            f"the program reported no {wish.name!r}. It reported: {said}. Where the number "
            f"stands in its output otherwise, give --pattern, such as {pattern_for(wish.name)!r}"
        )
    return there[0]
