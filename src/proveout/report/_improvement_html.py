"""The report on improvers as one HTML file that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proveout.report import _text as text
from proveout.report._files import write_whole
from proveout.report._html import inlined_style, page_environment
from proveout.report._improvement import (
    children,
    gains_of,
    gate_of,
    improver_diff,
    reason_of,
    safety,
    seen_examples,
    status_of,
)
from proveout.report._improvement_text import difference
from proveout.report._parts import anchor_of, diff_shown
from proveout.units import duration

if TYPE_CHECKING:
    from proveout.improve import Archive


def write_improvement_html(archive: Archive, name: str, path: Path) -> None:
    """Writes the report to a file, whole or not at all."""
    view = improvement_view(archive, name, lambda improver: f"#{anchor_of(improver)}")
    view |= {"improvers": [improver_view(archive, each) for each in archive.improvers]}
    template = page_environment().get_template("improvement.html")
    write_whole(path, template.render(view | inlined_style() | {"open_text": False}))


def improvement_view(archive: Archive, name: str, address: Callable[[str], str]) -> dict[str, Any]:
    """What `pages/improvers.html` shows; `address` leads to an improver by its name."""
    from proveout.improve import KINDS

    opened, charges = archive.opened, archive.charges
    return {
        "name": text.clean(opened.name if opened else name, 120),
        "present": text.clean(archive.present or text.DASH, 60),
        "ended": text.clean(archive.ended, 400),
        "waiting": text.clean(archive.waiting, 60),
        "model": text.clean(opened.model if opened else text.DASH, 80),
        "isolation": archive.isolation or text.DASH,
        "version": text.clean(opened.proveout_version, 60) if opened else text.DASH,
        "machine": text.clean(opened.machine, 400) if opened else text.DASH,
        "toml": "\n".join(text.clean_lines(opened.improve_toml)) if opened else "",
        "samples": charges.samples,
        "tokens": charges.tokens,
        "usd": f"{charges.usd:.4f}",
        "runs": len(archive.runs),
        "active": duration(archive.active_seconds),
        "rows": [_row(archive, each.name, address) for each in children(archive)],
        "refused": [
            (text.clean(each.name, 60), text.clean(each.base, 60), text.clean(each.kind, 40),
             text.clean(each.reason, 400))
            for each in archive.refused.values()
        ],
        "safety": [
            (text.clean(each.model, 60), each.kind, KINDS[each.kind],
             f"{each.count} of {each.written}",
             f"{each.per_thousand:.1f}", f"{each.interval95[0]:.1f} to {each.interval95[1]:.1f}")
            for each in safety(archive)
        ],
        "seen": seen_examples(archive),
        "transfers": [
            (text.clean(each.model, 60), each.samples, each.task or "all tasks",
             text.clean(each.improver, 60), f"{each.gain:.3f} ± {each.standard_error:.3f}",
             difference(each.difference, each.interval95)
             if each.difference is not None and each.interval95 else text.DASH,
             text.clean(each.against, 60), each.runs)
            for each in archive.transfers.values()
        ],
        "head": archive.head,
    }  # fmt: skip


def _row(archive: Archive, name: str, address: Callable[[str], str]) -> dict[str, Any]:
    added, gate = archive.improvers[name], gate_of(archive, name)
    screen = archive.screens.get(name)
    return {
        "name": text.clean(name, 60),
        "href": address(name),
        "base": text.clean(added.base, 60),
        "parent": text.clean(gate.parent if gate else added.by, 60),
        "training": f"{screen.child_gain:.3f} / {screen.parent_gain:.3f}" if screen else text.DASH,
        "difference": difference(gate.mean, gate.interval95) if gate else text.DASH,
        "pairs": gate.rounds * len(gate.tasks) if gate else text.DASH,
        "status": status_of(archive, name),
        "why": text.clean(reason_of(archive, name), 400),
    }


def improver_view(archive: Archive, name: str) -> dict[str, Any]:
    """What `pages/improver.html` shows of one improver."""
    gate = gate_of(archive, name)
    held = zip(gate.tasks, gate.child_gains, gate.parent_gains, strict=True) if gate else ()
    return {
        "name": text.clean(name, 60),
        "anchor": anchor_of(name),
        "status": status_of(archive, name),
        "why": text.clean(reason_of(archive, name), 400),
        "lineage": " ← ".join(text.clean(each, 60) for each in archive.lineage(name)),
        "held": [(task, f"{one:.3f}", f"{other:.3f}") for task, one, other in held],
        "gains": [
            (task, f"{found['mean']:.3f}", found["runs"])
            for task, found in gains_of(archive, name).items()
        ],
        "diff": diff_shown(improver_diff(archive, name)),
    }
