"""Amounts with units: parsed from text, printed for people.

Compute is either floating-point operations (`flops`) or device-seconds, never both in one study.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from proveout.errors import UserError

ComputeUnit = Literal["flops", "device-seconds"]

_FLOPS = {"flop": 1.0, "flops": 1.0}
_FLOPS |= {
    f"{prefix}flop{s}": 1e3 ** (i + 1) for i, prefix in enumerate("kmgtpez") for s in ("", "s")
}
_DEVICE_SECONDS = {
    "device-second": 1.0,
    "device-seconds": 1.0,
    "device-minute": 60.0,
    "device-minutes": 60.0,
    "device-hour": 3600.0,
    "device-hours": 3600.0,
}
_SECONDS = {"s": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0}
_SECONDS |= {f"{name}s": value for name, value in _SECONDS.items() if len(name) > 1}
_BYTES = {"b": 1.0, "byte": 1.0, "bytes": 1.0}
_BYTES |= {f"{prefix}b": 1e3 ** (i + 1) for i, prefix in enumerate("kmgt")}
_BYTES |= {f"{prefix}ib": 1024.0 ** (i + 1) for i, prefix in enumerate("kmgt")}

_USD = {"usd": 1.0, "dollar": 1.0, "dollars": 1.0, "cent": 0.01, "cents": 0.01}

_AMOUNT = re.compile(r"\s*([0-9.eE+_-]+)\s*([A-Za-z][A-Za-z-]*)?\s*")


@dataclass(frozen=True, order=True)
class Compute:
    """An amount of compute: `amount` floating-point operations or device-seconds."""

    amount: float
    unit: ComputeUnit = "flops"

    def __str__(self) -> str:
        """`1e+11 flops`, exact enough to be read back."""
        return f"{compact(self.amount)} {self.unit}"


def parse_compute(text: str) -> Compute:
    """`"1e10 flops"`, `"2 tflops"` or `"3 device-hours"` as a `Compute`.

    Raises:
        UserError: no number, no unit, an unknown unit, or an amount that is not positive.
    """
    amount, unit = _split(text, "1e10 flops", _FLOPS | _DEVICE_SECONDS)
    if unit in _FLOPS:
        return Compute(amount * _FLOPS[unit], "flops")
    return Compute(amount * _DEVICE_SECONDS[unit], "device-seconds")


def parse_seconds(text: str) -> float:
    """`"90 s"`, `"5 min"` or `"1 hour"` in seconds. Raises `UserError` like `parse_compute`."""
    amount, unit = _split(text, "5 min", _SECONDS)
    return amount * _SECONDS[unit]


def parse_bytes(text: str) -> int:
    """`"500 MB"` or `"2 GiB"` in bytes. Raises `UserError` like `parse_compute`."""
    amount, unit = _split(text, "500 MB", _BYTES)
    return int(amount * _BYTES[unit])


def parse_usd(text: str) -> float:
    """`"5 USD"`, `"50 cents"` in US dollars. Raises `UserError` like `parse_compute`."""
    amount, unit = _split(text, "5 USD", _USD)
    return amount * _USD[unit]


def _split(text: str, example: str, units: dict[str, float]) -> tuple[float, str]:
    match = _AMOUNT.fullmatch(str(text))
    if match is None:
        raise UserError(f'{text!r} is not an amount with a unit; write for example "{example}"')
    try:
        amount = float(match[1])
    except ValueError:
        raise UserError(f'{match[1]!r} in {text!r} is not a number; write "{example}"') from None
    if match[2] is None:
        raise UserError(f'{text!r} has no unit; write for example "{example}"')
    unit = match[2].lower()
    if unit not in units:
        raise UserError(f"{match[2]!r} is not a unit known here; allowed: {', '.join(units)}")
    if not (amount > 0 and math.isfinite(amount)):
        raise UserError(f"{text!r} must be more than zero and finite")
    return amount, unit


def compact(amount: float) -> str:
    """A short number for people and names: `1e11`, `3.2e12`, `250`."""
    if amount == 0:
        return "0"
    if 1e-3 <= abs(amount) < 1e5:
        return f"{amount:.4g}"
    mantissa, exponent = f"{amount:.3e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def scale_text(amount: float, unit: str) -> str:
    """A scale for people: `1e20 flops`, `7B params`, `500 GPU hours`."""
    return f"{scale_number(amount, unit)} {unit}"


def scale_number(amount: float, unit: str) -> str:
    """The number alone: of what is counted in millions and more, `130M`, `1.5B` or `2T`."""
    if unit in {"params", "tokens", "examples"}:
        for size, suffix in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
            if size <= amount < 1e15:
                return f"{amount / size:.4g}{suffix}"
    return compact(amount)


def duration(seconds: float) -> str:
    """A time span for people: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
