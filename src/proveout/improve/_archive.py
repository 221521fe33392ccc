"""The archive: all that an improvement folder knows, folded from its ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from proveout.ledger import (
    Entry,
    GateRead,
    ImprovementEnded,
    ImprovementOpened,
    ImproverAdded,
    ImproverAdopted,
    ImproverRan,
    ImproverRefused,
    ImproverRejected,
    ProbeRead,
    SamplesCharged,
    SamplesSettled,
    ScreenRead,
    TransferRead,
)

_ASIDE = (SamplesCharged, SamplesSettled, ImproverRan, ProbeRead, TransferRead)
"""What probes and transfers write: after them, what had ended still has."""
Request = tuple[str, int, str]
"""A run, the number of the call in it, and the hash of what was asked."""


@dataclass(frozen=True)
class Charges:
    """What was charged to the whole folder."""

    samples: int = 0
    tokens: int = 0
    usd: float = 0.0


@dataclass
class Archive:
    """Improvers with their lineage, what was measured of them and what was decided."""

    opened: ImprovementOpened | None = None
    improvers: dict[str, ImproverAdded] = field(default_factory=dict)
    refused: dict[str, ImproverRefused] = field(default_factory=dict)
    runs: dict[str, ImproverRan] = field(default_factory=dict)
    screens: dict[str, ScreenRead] = field(default_factory=dict)
    """By child; the last one."""
    gates: list[GateRead] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)
    adopted: list[ImproverAdopted] = field(default_factory=list)
    transfers: dict[tuple[str, ...], TransferRead] = field(default_factory=dict)
    """The last of each model, budget, task, improver and what it was held against."""
    probes: list[ProbeRead] = field(default_factory=list)
    ended: str = ""
    asked: dict[Request, SamplesCharged] = field(default_factory=dict)
    settled: dict[Request, SamplesSettled] = field(default_factory=dict)
    active_seconds: float = 0.0
    """Time from the first to the last event, pauses of more than ten minutes left out."""
    entries: int = 0
    head: str = ""
    """The hash of the last entry."""
    _last_at: float | None = None
    _samples: int = 0
    _tokens: int = 0
    _usd: float = 0.0

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Archive:
        """Folds entries in order."""
        archive = cls()
        for entry in entries:
            archive.add(entry)
        return archive

    @property
    def present(self) -> str:
        """The improver in use; empty before the first is adopted."""
        return self.adopted[-1].name if self.adopted else ""

    @property
    def charges(self) -> Charges:
        """What was charged so far; samples whose end nobody saw at their most."""
        return Charges(self._samples, self._tokens, self._usd)

    @property
    def waiting(self) -> str:
        """The child that passed its gate and waits for a person; empty where none does."""
        if not self.gates or not self.gates[-1].passed:
            return ""
        child = self.gates[-1].child
        settled = child in self.rejected or any(
            each.name == child and each.how != "rollback" for each in self.adopted
        )
        return "" if settled else child

    @property
    def isolation(self) -> str:
        """The lowest level that anything ran at; empty where nothing did."""
        return max((run.isolation for run in self.runs.values()), default="")

    @property
    def written(self) -> int:
        """Programs that the model wrote in all runs."""
        return sum(run.written for run in self.runs.values())

    @property
    def attempts(self) -> Counter[str]:
        """How many of them had an attempt of each kind in them."""
        total: Counter[str] = Counter()
        for run in self.runs.values():
            total.update(run.attempts)
        return total

    @property
    def by_model(self) -> dict[str, tuple[int, Counter[str]]]:
        """Programs written and attempts in them, by the model that wrote."""
        found: dict[str, tuple[int, Counter[str]]] = {}
        for run in self.runs.values():
            name = run.model or (self.opened.model if self.opened else "")
            written, attempts = found.get(name, (0, Counter()))
            found[name] = (written + run.written, attempts + Counter(run.attempts))
        return {name: both for name, both in found.items() if both[0]}

    def lineage(self, name: str) -> list[str]:
        """The improvers that its text is an edit of, itself first; none of one that is not here."""
        found: list[str] = []
        while name in self.improvers and name not in found:
            found.append(name)
            name = self.improvers[name].base
        return found

    def add(self, entry: Entry) -> None:
        """Adds the next entry."""
        if self._last_at is not None and 0 < entry.at - self._last_at < 600:
            self.active_seconds += entry.at - self._last_at
        self._last_at = entry.at
        self.entries, self.head = self.entries + 1, entry.hash
        match entry.event:
            case SamplesCharged() as charged:
                self.asked[charged.run, charged.call, charged.request] = charged
                self._samples += charged.samples
                self._tokens += charged.most_tokens
                self._usd += charged.most_usd
            case SamplesSettled() as settled:
                self._settle(settled)
            case ImproverRan() as ran:
                self.runs[ran.run] = ran
            case ImprovementOpened() as opened:
                self.opened = opened
            case ImproverAdded() as added:
                self.improvers[added.name] = added
            case ImproverRefused() as refused:
                self.refused[refused.name] = refused
            case ScreenRead() as screen:
                self.screens[screen.child] = screen
            case GateRead() as gate:
                self.gates.append(gate)
            case ImproverRejected() as rejected:
                self.rejected[rejected.name] = rejected.reason
            case ImproverAdopted() as adopted:
                self.adopted.append(adopted)
            case TransferRead() as transfer:
                told = (transfer.model, str(transfer.samples), transfer.task)
                self.transfers[*told, transfer.improver, transfer.against] = transfer
            case ProbeRead() as probe:
                self.probes.append(probe)
            case _:
                pass
        if not isinstance(entry.event, _ASIDE):
            self.ended = entry.event.why if isinstance(entry.event, ImprovementEnded) else ""

    def _settle(self, settled: SamplesSettled) -> None:
        request = (settled.run, settled.call, settled.request)
        if request in self.settled:
            return
        self.settled[request] = settled
        charged = self.asked[request]
        self._tokens += settled.tokens - charged.most_tokens
        self._usd += settled.usd - charged.most_usd
