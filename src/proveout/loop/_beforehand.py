"""What would lose records or hang later, and can be told before a study is opened."""

from __future__ import annotations

import resource

from proveout.errors import DataError, EnvironmentFailure
from proveout.ideas import ProgramRepository
from proveout.ledger import LEDGER_FILE
from proveout.study import Study

_LEAST_ADDRESS_SPACE_BYTES = 512_000_000
"""Where there is less, OpenBLAS asks for its buffers again and again without an end."""


def check_books(study: Study, repository: ProgramRepository) -> None:
    """Refuses to begin anew where a study was begun and its ledger is gone.

    A new ledger would spend the budget a second time, and the ideas that exist as commits alone
    would be removed with the repository.

    Raises:
        DataError: there are ideas or trials, and the ledger is missing or empty.
    """
    # Evidence first: a ledger is there before either, so one that begins now is not mistaken.
    begun = repository.has_ideas() or any(study.folder.glob("trials/[!.]*/spec.json"))
    ledger = study.folder / LEDGER_FILE
    if begun and not (ledger.exists() and ledger.stat().st_size):
        raise DataError(
            f"{ledger} is {'empty' if ledger.exists() else 'missing'}, and the study was begun: "
            f"{repository.folder.name} and trials hold what came of it. Put the ledger back, with "
            f"{LEDGER_FILE}-wal if there is one; or, to begin anew and spend the whole budget "
            f"again, remove {repository.folder} and {study.folder / 'trials'}"
        )


def check_address_space() -> None:
    """Raises EnvironmentFailure where `ulimit -v` leaves less than numerics need to start."""
    allowed_bytes, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed_bytes != resource.RLIM_INFINITY and allowed_bytes < _LEAST_ADDRESS_SPACE_BYTES:
        raise EnvironmentFailure(
            f"`ulimit -v` allows {allowed_bytes / 1e6:.0f} MB of address space, and a study needs "
            f"{_LEAST_ADDRESS_SPACE_BYTES / 1e6:.0f} MB at least; raise it, and bound trials by "
            "limits.memory instead"
        )
