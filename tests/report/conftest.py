"""Fixtures of the report's tests; `report_records` makes what they hold."""

from __future__ import annotations

import pytest
from report_records import EFFECTS, HOSTILE, make_history, make_hostile_history, make_study

from proveout.ledger import History
from proveout.study import Study


@pytest.fixture(scope="session")
def study() -> Study:
    return make_study()


@pytest.fixture(scope="session")
def history(study: Study) -> History:
    return make_history(study)


@pytest.fixture(scope="session")
def hostile(study: Study) -> History:
    return make_hostile_history(study)


@pytest.fixture(scope="session")
def diffs() -> dict[str, str]:
    patch = (
        "--- a/train.py\n+++ b/train.py\n@@ -1,3 +1,3 @@\n-x = 1\n+x = 2 if a < b else 3\n same\n"
    )
    return dict.fromkeys(EFFECTS, patch) | {HOSTILE: f"+{HOSTILE}\n" * 50}
