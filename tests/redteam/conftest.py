"""Where attacks are made: against a naive harness, and against proveout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proveout.trials import remove

sys.path.insert(0, str(Path(__file__).parent / "harness"))

import redteam


@pytest.fixture(scope="session")
def replace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What attacks are told of the machine."""
    with redteam.answers(tmp_path_factory.mktemp("answers")) as told:
        yield told


@pytest.fixture(scope="module")
def believe() -> Iterator[Any]:
    """What a naive harness believes."""
    with redteam.naive_harness() as believes:
        yield believes


@pytest.fixture(scope="module")
def naive(
    request: pytest.FixtureRequest,
    believe: Any,
    tmp_path_factory: pytest.TempPathFactory,
    replace: dict[str, str],
) -> Any:
    """The naive harness, with the same corpus as the study."""
    corpus = getattr(request.module, "STUDY", {}).get("corpus", redteam.write_corpus)
    return redteam.Naive(believe, tmp_path_factory.mktemp("naive"), replace, corpus)


@pytest.fixture(scope="module")
def level(request: pytest.FixtureRequest) -> str:
    """The highest level there is; attacks on the walls ask for each with `EACH_LEVEL`."""
    asked: str = getattr(request, "param", "")
    return asked


@pytest.fixture(scope="module")
def here(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    replace: dict[str, str],
    level: str,
) -> Iterator[redteam.Here]:
    """A study with all attacks of a file, at its end. `STUDY` in the file says what is other."""
    attacks, options = request.module.ATTACKS, getattr(request.module, "STUDY", {})
    folder = tmp_path_factory.mktemp(f"study{level}") / "study"
    for above in (folder.parent, *list(folder.parents)[1:3]):
        above.chmod(0o755)  # no permission of a folder above is to be what stops an attack
    try:
        yield redteam.run_at(level, lambda: redteam.Here(folder, attacks, replace, **options))
    finally:
        remove(folder)  # some of it is nested deeper than what cleans up after tests can go
