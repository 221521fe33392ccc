"""Policies by the names that a study gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proveout.errors import UserError
from proveout.verdicts._board import Policy
from proveout.verdicts._optuna import Asha, Hyperband
from proveout.verdicts._reference import KeepIfBetter, SuccessiveHalving, UniformGrid


def _information(**options: Any) -> Policy:
    from proveout.verdicts._information import InformationPolicy

    return InformationPolicy(**options)


POLICIES: Mapping[str, Callable[..., Policy]] = {
    "information": _information,
    "keep-if-better": KeepIfBetter,
    "uniform": UniformGrid,
    "successive-halving": SuccessiveHalving,
    "asha": Asha,
    "hyperband": Hyperband,
}
"""What `[policy] name` in a study may say."""


def policy_named(name: str, **options: Any) -> Policy:
    """The policy of a name, with options of its own such as `eta` or `rung`.

    Raises:
        UserError: no policy has this name, or it has no such option.
    """
    make = POLICIES.get(name)
    if make is None:
        raise UserError(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
    try:
        return make(**options)
    except TypeError:
        raise UserError(f"the policy {name!r} does not take {', '.join(options)}") from None
