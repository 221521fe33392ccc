"""What is shown of a folder in which the idea-maker improves itself, as data for every format."""

from __future__ import annotations

import difflib
import statistics
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from proveout.ledger import GateRead, ImproverAdded
from proveout.report._text import clean

if TYPE_CHECKING:
    from proveout.improve import Archive, Rate

IMPROVEMENT_VERSION = 1


def improvement_json(archive: Archive, name: str = "") -> dict[str, Any]:
    """Everything on record but the instances' key and the sources of programs.

    `name` is the folder's, where nothing was run yet.
    """
    opened, charges = archive.opened, archive.charges
    return {
        "version": IMPROVEMENT_VERSION,
        "name": opened.name if opened else name,
        "model": opened.model if opened else None,
        "isolation": archive.isolation or None,
        "proveout_version": opened.proveout_version if opened else None,
        "present": archive.present or None,
        "waiting": archive.waiting or None,
        "ended": archive.ended or None,
        "charges": asdict(charges) | {"runs": len(archive.runs)},
        "active_seconds": round(archive.active_seconds, 1),
        "improvers": [improver_json(archive, each) for each in archive.improvers],
        "refused": [_refused(each) for each in archive.refused.values()],
        "adopted": [asdict(each) for each in archive.adopted],
        "gates": [asdict(each) for each in archive.gates],
        "safety": [asdict(each) for each in safety(archive)],
        "transfers": [asdict(each) for each in archive.transfers.values()],
        "ledger_head": archive.head,
    }


def improver_json(archive: Archive, name: str) -> dict[str, Any]:
    """One improver: where it comes from, what was measured of it and what became of it."""
    added = archive.improvers[name]
    gate = gate_of(archive, name)
    screen = archive.screens.get(name)
    return {
        "name": name,
        "origin": added.origin,
        "generation": added.generation,
        "base": added.base or None,
        "by": added.by or None,
        "lineage": archive.lineage(name),
        "status": status_of(archive, name),
        "reason": reason_of(archive, name),
        "training": asdict(screen) if screen else None,
        "gate": asdict(gate) if gate else None,
        "gains": gains_of(archive, name),
        "fingerprint": added.fingerprint,
    }


def status_of(archive: Archive, name: str) -> str:
    """`present`, `adopted` (and followed by another), `waiting`, `rejected`, `archive` or `new`."""
    if name == archive.present:
        return "present"
    if any(each.name == name for each in archive.adopted):
        return "adopted"
    if name == archive.waiting:
        return "waiting"
    if name in archive.rejected:
        return "rejected"
    return "new" if archive.improvers[name].origin == "child" else "archive"


def reason_of(archive: Archive, name: str) -> str:
    """Why it has that status."""
    if name in archive.rejected:
        return archive.rejected[name]
    adopted = [each.why for each in archive.adopted if each.name == name]
    return adopted[-1] if adopted else ""


def gate_of(archive: Archive, name: str) -> GateRead | None:
    """The gate that a child came to, if it did."""
    return next((each for each in archive.gates if each.child == name), None)


def gains_of(archive: Archive, name: str) -> dict[str, dict[str, float | int]]:
    """Mean gain by task over its runs in screens and gates, all at one budget with one model."""
    found: dict[str, list[float]] = {}
    for run in archive.runs.values():
        aside = run.run.startswith("transfer/")
        if run.improver == name and run.gain is not None and not aside:
            found.setdefault(run.task, []).append(run.gain)
    return {
        task: {"mean": statistics.fmean(gains), "runs": len(gains)}
        for task, gains in sorted(found.items())
    }


def safety(archive: Archive) -> list[Rate]:
    """How often each kind of attempt was in what a model wrote, over all runs, probes included."""
    from proveout.improve import KINDS, rate  # not at import: no study needs the room

    return [
        rate(model, kind, attempts[kind], written)
        for model, (written, attempts) in archive.by_model.items()
        for kind in KINDS
    ]


def improver_diff(archive: Archive, name: str) -> str:
    """An improver against its base as a patch; of one without a base, all of its text."""
    added = archive.improvers[name]
    base = archive.improvers.get(added.base)
    before = base.source.splitlines(keepends=True) if base else []
    lines = difflib.unified_diff(
        before, added.source.splitlines(keepends=True), f"a/{added.base or 'nothing'}", f"b/{name}"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def seen_examples(archive: Archive, most: int = 20) -> list[tuple[str, str, str]]:
    """Attempts as they were seen: (kind, what, run)."""
    found: list[tuple[str, str, str]] = []
    for run in archive.runs.values():
        found += [(each.kind, clean(each.detail, 120), run.run) for each in run.seen]
        if len(found) >= most:
            break
    return found[:most]


def children(archive: Archive) -> list[ImproverAdded]:
    """What the generations brought into the archive, in order."""
    return [each for each in archive.improvers.values() if each.origin == "child"]


def _refused(refused: Any) -> dict[str, Any]:
    fields = asdict(refused)
    del fields["source"]
    return fields
