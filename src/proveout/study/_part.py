"""What every table of study.toml has in common: it is frozen, and amounts have their unit."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from proveout.errors import UserError
from proveout.units import Compute, parse_bytes, parse_seconds


class Part(BaseModel):
    """A frozen table that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def with_unit(parse: Any) -> BeforeValidator:
    """Reads text such as "5 min" by `parse`; a bare number is refused with what to write."""

    def read(value: object) -> object:
        if isinstance(value, Compute):
            return value
        if not isinstance(value, str):
            raise ValueError(
                f"{value!r} has no unit; write an amount with its unit in quotes, "
                'like "1e10 flops", "5 min", "2 GB" or "5 USD"'
            )
        try:
            return parse(value)
        except UserError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(read)


Seconds = Annotated[float, with_unit(parse_seconds)]
Bytes = Annotated[int, with_unit(parse_bytes)]
