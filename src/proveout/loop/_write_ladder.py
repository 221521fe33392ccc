"""Puts proposed rungs into study.toml; everything else in it, comments too, stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proveout.errors import StudyError
from proveout.ledger import LEDGER_FILE
from proveout.loop._ladder import LadderProposal, ProposedRung
from proveout.study import STUDY_FILE, Study, read_study

if TYPE_CHECKING:
    from tomlkit.items import InlineTable, Table


def write_ladder(study: Study, proposal: LadderProposal) -> None:
    """Replaces the rungs and the target of a study that has not begun.

    Raises:
        StudyError: the study has begun, so its ladder is fixed; or the result is no study, and
            then study.toml is left as it was.
    """
    import tomlkit
    from tomlkit.items import AoT

    file = study.folder / STUDY_FILE
    if (study.folder / LEDGER_FILE).exists():
        raise StudyError(
            f"{file}: the study has begun, so its rungs stay as they are; begin another study with "
            "the rungs above"
        )
    before = file.read_text(encoding="utf-8")
    document = tomlkit.parse(before)
    ladder = document["ladder"]
    assert isinstance(ladder, dict)
    rungs = AoT([_table(rung) for rung in proposal.rungs])
    ladder["target"] = str(proposal.target.compute)
    if proposal.target.parameters:
        ladder["target_parameters"] = _parameters(proposal.target)
    ladder["rung"] = rungs
    try:
        file.write_text(tomlkit.dumps(document), encoding="utf-8")
        read_study(study.folder)
    except StudyError:
        file.write_text(before, encoding="utf-8")
        raise


def _table(rung: ProposedRung) -> Table:
    import tomlkit

    table = tomlkit.table()
    table["compute"] = str(rung.compute)
    if rung.parameters:
        table["parameters"] = _parameters(rung)
    return table


def _parameters(rung: ProposedRung) -> InlineTable:
    import tomlkit

    inline = tomlkit.inline_table()
    inline.update(dict(rung.parameters))
    return inline
