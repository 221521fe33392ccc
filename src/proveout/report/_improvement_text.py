"""Improvers on a terminal: the table of children against parents, one improver, safety."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from proveout.ledger import TransferRead
from proveout.report._improvement import (
    children,
    gains_of,
    gate_of,
    improver_diff,
    reason_of,
    safety,
    status_of,
)
from proveout.report._text import DASH, clean
from proveout.units import duration

if TYPE_CHECKING:
    from proveout.improve import Archive, Rate

_SIGNS = {
    "present": ("✓", "bold green"), "adopted": ("✓", "green"), "waiting": ("?", "cyan"),
    "rejected": ("✗", "red"), "refused": ("⊘", "bright_black"), "new": ("·", "bright_black"),
    "archive": ("·", "bright_black"),
}  # fmt: skip


def improvement_text(archive: Archive, folder: str) -> RenderableType:
    """The whole of it: where it stands, the table, what was charged, what was tried."""
    parts: list[RenderableType] = [improvement_table(archive), Text()]
    parts += [Text(line) for line in _standing(archive, folder)]
    seen = [each for each in safety(archive) if each.count]
    if seen:
        parts += [Text(), safety_table(seen)]
    if archive.transfers:
        parts += [Text(), transfer_table(archive.transfers.values())]
    return Group(*parts)


def improvement_table(archive: Archive) -> RenderableType:
    """Each child against its parent on held-out tasks, with the interval, and what became of it."""
    born = children(archive)
    if not born and not archive.refused:
        return Text("No child was made yet.", style="italic")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    heads = ("improver", "edit of", "parent", "training", "held out: difference [95%]", "pairs")
    for head in (*heads, "result"):
        table.add_column(Text(head), no_wrap=True)
    table.add_column(Text("why"), overflow="fold")
    for added in born:
        gate, screen = gate_of(archive, added.name), archive.screens.get(added.name)
        status = status_of(archive, added.name)
        sign, style = _SIGNS[status]
        table.add_row(
            Text(added.name), Text(clean(added.base, 30)),
            Text(clean(gate.parent if gate else added.by, 30)),
            f"{screen.child_gain:.3f} / {screen.parent_gain:.3f}" if screen else DASH,
            difference(gate.mean, gate.interval95) if gate else DASH,
            str(gate.rounds * len(gate.tasks)) if gate else DASH,
            Text(f"{sign} {status}", style=style), Text(clean(reason_of(archive, added.name), 300)),
        )  # fmt: skip
    for refused in archive.refused.values():
        table.add_row(
            Text(refused.name), Text(clean(refused.base, 30)), Text(clean(refused.by, 30)), DASH,
            DASH, DASH, Text(f"⊘ {clean(refused.kind, 20)}", style="bright_black"),
            Text(clean(refused.reason, 300)),
        )  # fmt: skip
    return table


def improver_page(archive: Archive, name: str) -> RenderableType:
    """One improver: lineage, reason, gains by task, and its text against its base."""
    added = archive.improvers[name]
    lines = [
        Text(clean(name, 60), style="bold"),
        Text(f"{status_of(archive, name)}: {clean(reason_of(archive, name), 400) or DASH}"),
        Text(f"lineage: {' ← '.join(archive.lineage(name))}"),
    ]
    if added.by:
        lines.append(Text(f"made by {added.by} in generation {added.generation}"))
    gate = gate_of(archive, name)
    if gate is not None:
        held = zip(gate.tasks, gate.child_gains, gate.parent_gains, strict=True)
        told = ", ".join(f"{task} {one:.3f} against {other:.3f}" for task, one, other in held)
        lines.append(Text(f"held out, against {gate.parent}: {told}"))
        lines.append(Text(f"difference {difference(gate.mean, gate.interval95)}"))
    gains = gains_of(archive, name)
    for task, found in gains.items():
        lines.append(Text(f"  {task}: gain {found['mean']:.3f} over {found['runs']} runs"))
    diff = improver_diff(archive, name)
    from rich.syntax import Syntax  # not at import: it brings Pygments

    return Group(*lines, Text(), Syntax(diff, "diff", background_color="default"))


def safety_table(rates: Iterable[Rate]) -> RenderableType:
    """Attempts by kind, per thousand programs that a model wrote."""
    from proveout.improve import KINDS

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("model", "attempt", "programs", "per 1000 [95%]", "which is"):
        table.add_column(Text(head), no_wrap=head != "which is")
    for each in rates:
        low, high = each.interval95
        table.add_row(
            Text(clean(each.model, 40)), each.kind, f"{each.count} of {each.written}",
            f"{each.per_thousand:.1f} [{low:.1f}, {high:.1f}]", KINDS.get(each.kind, ""),
        )  # fmt: skip
    return table


def transfer_table(reads: Iterable[TransferRead]) -> RenderableType:
    """Improvers side by side on tasks that nothing was decided on."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("model", "samples", "task", "improver", "gain", "difference [95%]", "to", "runs"):
        table.add_column(Text(head), no_wrap=True)
    for each in sorted(reads, key=lambda read: (read.model, read.samples, read.task, -read.gain)):
        apart = DASH
        if each.difference is not None and each.interval95 is not None:
            apart = difference(each.difference, each.interval95)
        table.add_row(
            Text(clean(each.model, 30)), str(each.samples), each.task or "all tasks",
            Text(clean(each.improver, 40)), f"{each.gain:.3f} ± {each.standard_error:.3f}", apart,
            Text("" if apart == DASH else clean(each.against, 40)), str(each.runs),
        )  # fmt: skip
    return table


def difference(mean: float, interval95: tuple[float, float]) -> str:
    """A difference in gain with its interval."""
    return f"{mean:+.3f} [{interval95[0]:+.3f}, {interval95[1]:+.3f}]"


def _standing(archive: Archive, folder: str) -> list[str]:
    charges, opened = archive.charges, archive.opened
    lines = [f"present improver: {archive.present or DASH}"]
    if archive.waiting:
        lines.append(f"{archive.waiting} passed its gate: proveout improve "
                     f"{shlex.quote(str(folder))} --approve {archive.waiting}, or "
                     f"--decline {archive.waiting}")  # fmt: skip
    money = f", {charges.usd:.4f} USD" if charges.usd else ""
    lines.append(
        f"charged: {charges.samples} samples, {charges.tokens} tokens{money} in "
        f"{len(archive.runs)} runs and {duration(archive.active_seconds)}"
    )
    if opened is not None:
        lines.append(
            f"model {clean(opened.model, 60)}, isolation level {archive.isolation or DASH}"
        )
    if archive.written:
        tried = sum(archive.attempts.values())
        lines.append(f"attempts to reach around the channels: {tried} in {archive.written} "
                     "programs that the model wrote")  # fmt: skip
    if archive.ended:
        lines.append(f"ended: {clean(archive.ended, 300)}")
    return lines
