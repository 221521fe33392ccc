"""False wins, reversals and calibration: may what is said of an idea be believed?"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from _roster import (
    OURS,
    QUANTILES,
    SLOTS,
    Entry,
    Outlook,
    Source,
    outlook,
    roster,
    verdicts_of,
)
from rich.console import Console
from rich.table import Table
from scipy.stats import beta

from proveout.replay import Simulator, World, play
from proveout.verdicts import Board

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEAST_NO_CHANGE = 500
NO_CHANGE = ("control-comment", "control-refactor", "control-rename", "control-reseed")
CROSSES = 0.005
"""A gap and its opposite count as a reversal from this share of the loss on, at both ends."""
BINS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
STAGES = ("first third", "second third", "last third")


def _entries(world: World, labels: tuple[str, ...]) -> list[Entry]:
    return [entry for entry in roster(*world.losses.shape[1:]) if entry.label in labels]


def _share(hits: float, tried: int) -> str:
    """In words."""
    return f"{hits:g} of {tried}: {hits / tried:.0%}" if tried else "none"


def _bounded(hits: float, tried: int) -> str:
    """With the 95% upper bound (Clopper and Pearson)."""
    if not tried:
        return "none"
    bound = float(beta.ppf(0.95, hits + 1, tried - hits)) if tried > hits else 1.0
    return f"{hits:g} of {tried}: {hits / tried:.1%} (below {bound:.1%})"


def show_false_wins(source: Source, studies: int, budget: float) -> None:
    """Ideas that change nothing, with the verdict read after every trial."""
    if isinstance(source.worlds, Simulator):
        source = replace(source, worlds=replace(source.worlds, mix={"nothing": 1.0}))
        if studies > 2:
            studies = max(studies, math.ceil(LEAST_NO_CHANGE / source.ideas))
    labels = (OURS, "uniform with our belief", "keep-if-better, rung 1", "uniform, 2 seeds",
              "successive halving, 2 seeds", "asha, 2 seeds", "hyperband, 2 seeds")  # fmt: skip
    title = f"{source.name}: ideas that change nothing, read after every trial"
    table = Table("policy", "ideas ever said to hold", "ideas ever kept", title=title)
    for entry in _entries(source.worlds.world(0, source.ideas), labels):
        held = kept = tried = 0
        for study in range(studies):
            world = source.worlds.world(study, source.ideas)
            nothing = _no_change(source, world)
            said, keeps = _ever(entry, world, budget, study)
            held, kept = held + int(said[nothing].sum()), kept + int(keeps[nothing].sum())
            tried += int(nothing.sum())
        if not tried:
            print(f"{source.name}: no idea is known to change nothing")
            return
        words = _bounded(held, tried) if entry.believes else "-"
        table.add_row(entry.label, words, _bounded(kept, tried))
    Console(width=140).print(table)


def _no_change(source: Source, world: World) -> Flags:
    if isinstance(source.worlds, Simulator):
        return np.ones(len(world.kinds), dtype=bool)
    return np.array([name in NO_CHANGE for name in world.arms[1:]])


def _ever(entry: Entry, world: World, budget: float, study: int) -> tuple[Flags, Flags]:
    """[A - 1] each: whether an idea was ever said to hold, and whether it was ever kept."""
    said, kept = (np.zeros(len(world.kinds), dtype=bool) for _ in range(2))
    policy = entry.make()

    def read(board: Board) -> None:
        kept[:] |= policy.keeps(board)
        if entry.believes:
            said[:] |= np.array([word == "holds" for word in verdicts_of(board)])

    play(world, policy, budget * float(world.price[-1]), slots=SLOTS, seed=study,
         seeds=entry.seeds, watch=read)  # fmt: skip
    return said, kept


@dataclass(frozen=True)
class _Crossing:
    """A kind of reversal, and what counts as calling it, strictly and leniently."""

    name: str
    sign: float  # of the gap at the target
    words: tuple[str, ...]
    lenient_words: tuple[str, ...]


CROSSINGS = (
    _Crossing("wins small, loses large", 1.0, ("reverses", "hurts"), ("fades",)),
    _Crossing("loses small, wins large", -1.0, ("holds",), ()),
)


def show_reversals(source: Source, studies: int, budgets: Sequence[float]) -> None:
    """How many are called by the end of a study that never ran above a tenth of the target."""
    title = f"{source.name}: reversals of at least {CROSSES:.1%} of the loss at both ends"
    table = Table("policy", "budget, top runs", "kind", "called by its word",
                  "or four to one, or kept so", "studies with all called", "decided rightly",
                  title=title)  # fmt: skip
    for entry in _entries(source.worlds.world(0, source.ideas), (OURS, "uniform with our belief")):
        for budget in budgets:
            for crossing, found in _calls(entry, source, studies, budget).items():
                strict, lenient, right = (np.concatenate(each) for each in zip(*found, strict=True))
                whole = [bool(each[1].all()) for each in found if each[1].size]
                table.add_row(
                    entry.label,
                    f"{budget:g}",
                    crossing,
                    _share(strict.sum(), strict.size),
                    _share(lenient.sum(), lenient.size),
                    _share(sum(whole), len(whole)),
                    _share(right.sum(), right.size),
                )
    for entry in _entries(source.worlds.world(0, source.ideas), ("keep-if-better, rung 1",)):
        table.add_row(entry.label, "any", "both", "-", "-", "-", "none, by its rule")
    Console(width=170).print(table)


def _calls(
    entry: Entry, source: Source, studies: int, budget: float
) -> dict[str, list[tuple[Flags, Flags, Flags]]]:
    """By kind, and of both kinds together: for each study what `_called` says of its ideas."""
    calls: dict[str, list[tuple[Flags, Flags, Flags]]] = defaultdict(list)
    for study in range(studies):
        told = _called(entry, source.worlds.world(study, source.ideas), budget, study)
        for crossing, each in told.items():
            calls[crossing].append(each)
        strict, lenient, right = (np.concatenate(each) for each in zip(*told.values(), strict=True))
        calls["either"].append((strict, lenient, right))
    return calls


def _called(entry: Entry, world: World, budget: float, study: int
            ) -> dict[str, tuple[Flags, Flags, Flags]]:  # fmt: skip
    """By kind: whether each such idea was called strictly, leniently, and decided rightly."""
    played = play(world, entry.make(), budget * float(world.price[-1]), slots=SLOTS, seed=study,
                  seeds=entry.seeds)  # fmt: skip
    words = np.array(verdicts_of(played.board))
    helps, keeps = outlook(played.board, quantiles=False).helps, played.looks[-1].keeps
    low, high = world.gaps[:, 0] / _loss_below(world), world.gaps[:, -1] / world.loss
    found = {}
    for crossing in CROSSINGS:
        such = (-crossing.sign * low >= CROSSES) & (crossing.sign * high >= CROSSES)
        strict = np.isin(words, crossing.words)
        sure = helps < 0.2 if crossing.sign > 0 else helps > 0.8
        lenient = strict | np.isin(words, crossing.lenient_words) | sure
        right = keeps == (crossing.sign < 0)
        found[crossing.name] = strict[such], lenient[such], right[such]
    return found


def _loss_below(world: World) -> float:
    """The baseline's at the lowest rung."""
    return float(np.nanmean(world.losses[0, 0]))


@dataclass
class _Tally:
    """What was said at one stage, and what is true."""

    helps: list[Floats] = field(default_factory=list)
    matters: list[Floats] = field(default_factory=list)
    inside: list[Flags] = field(default_factory=list)
    truth: list[Floats] = field(default_factory=list)

    def add(self, said: Outlook, truth: Floats, runs: Flags) -> None:
        """One study; `truth` [A - 1] as a share of the loss, of ideas that run at all."""
        pairs = len(QUANTILES) // 2
        self.helps.append(said.helps[runs])
        self.matters.append(said.matters[runs])
        self.truth.append(truth[runs])
        low, high = said.quantiles[runs, :pairs], said.quantiles[runs, ::-1][:, :pairs]
        self.inside.append((low <= truth[runs, None]) & (truth[runs, None] <= high))


def show_calibration(source: Source, studies: int, budget: float) -> None:
    """What happens of the things that are given a probability."""
    world = source.worlds.world(0, source.ideas)
    for entry in _entries(world, (OURS, "uniform with our belief")):
        tallies = [_Tally() for _ in STAGES]
        for study in range(studies):
            world = source.worlds.world(study, source.ideas)
            for tally, (said, scale) in zip(tallies, _stages(entry, world, budget, study),
                                            strict=True):  # fmt: skip
                tally.add(_as_shares(said, scale), world.gaps[:, -1] / scale,
                          ~np.isnan(world.gaps[:, -1]))  # fmt: skip
        _show_coverage(source, entry, tallies)
        _show_bins(source, entry, tallies)


def _stages(entry: Entry, world: World, budget: float, study: int) -> list[tuple[Outlook, float]]:
    """The outlook at each third of the spend; the last again where a study ended before."""
    found: list[tuple[Outlook, float]] = []

    def read(board: Board) -> None:
        thirds = int(3 * (board.budget - board.left) / board.budget + 1e-9)
        if thirds > len(found) and len(found) < len(STAGES) - 1:
            found.append((outlook(board), world.loss))

    played = play(world, entry.make(), budget * float(world.price[-1]), slots=SLOTS, seed=study,
                  seeds=entry.seeds, watch=read)  # fmt: skip
    last = outlook(played.board), world.loss
    return found + [last] * (len(STAGES) - len(found))


def _as_shares(said: Outlook, scale: float) -> Outlook:
    return replace(said, quantiles=said.quantiles / scale)


def _show_coverage(source: Source, entry: Entry, tallies: list[_Tally]) -> None:
    """How often intervals hold the gap at the target."""
    levels = [f"{1 - 2 * low:.0%}" for low in QUANTILES[: len(QUANTILES) // 2]]
    title = f"{source.name}, {entry.label}: how often intervals hold the gap at the target"
    table = Table("stage", "ideas", *levels, title=title)
    kinds: list[tuple[str, Callable[[Floats], Flags]]] = [
        ("all", lambda truth: np.ones(truth.size, dtype=bool)),
        ("gap above .2% of the loss", lambda truth: np.abs(truth) > 0.002),
    ]
    for stage, tally in zip(STAGES, tallies, strict=True):
        truth, inside = np.concatenate(tally.truth), np.concatenate(tally.inside)
        for kind, chosen in kinds:
            some = chosen(truth)
            rates = inside[some].mean(axis=0) if some.any() else np.full(len(levels), np.nan)
            table.add_row(stage, f"{kind} ({some.sum()})", *(f"{rate:.0%}" for rate in rates))
    Console(width=120).print(table)


def _show_bins(source: Source, entry: Entry, tallies: list[_Tally]) -> None:
    """Of the ideas given a probability, how many it came true for; a gap of exactly zero is half a
    gain."""
    bins = [f"{low:.0%}-{high:.0%}" for low, high in pairwise(BINS)]
    title = f"{source.name}, {entry.label}: given a probability, how many did (of how many)"
    table = Table("stage", "of", *bins, title=title)
    for stage, tally in zip(STAGES, tallies, strict=True):
        truth = np.concatenate(tally.truth)
        helped = np.where(truth == 0, 0.5, truth < 0)
        for name, said, true in (
            ("a gain", np.concatenate(tally.helps), helped),
            ("a gain of 1%", np.concatenate(tally.matters), (truth < -0.01).astype(float)),
        ):
            place = np.clip(np.searchsorted(BINS, said, side="right") - 1, 0, len(bins) - 1)
            inside = [true[place == i] for i in range(len(bins))]
            cells = [f"{each.mean():.0%} ({each.size})" if each.size else "" for each in inside]
            table.add_row(stage, name, *cells)
    Console(width=140).print(table)
