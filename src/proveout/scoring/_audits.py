"""Audits: what a trial says of itself and used, held against what is plausible.

They are evidence and not the wall: the program cannot reach its score, and an audit asks whether
the rest of its story fits. Each is wide enough that no honest idea was ever seen near it; by how
much is in `benchmarks/false_alarms.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from proveout.trials import Audit, Curve, Measurement, Usage
from proveout.units import compact

_DEVICE_PEAK_FLOPS = 2e16
"""Of the fastest accelerator that is sold, at its lowest precision, per second."""
_CORE_PEAK_FLOPS = {"amx_tile": 1e13, "avx512f": 2e12, "avx2": 5e11}
_UNKNOWN_CORE_PEAK_FLOPS = 2e12
_LEAST_SECONDS = 0.05  # below it, clocks tell nothing

_TIME_FACTOR, _TIME_SLACK_SECONDS = 6.0, 20.0
"""A trial may use this many times the baseline's CPU seconds, and some for starting up. The most
that an honest idea used is 2.4 times, on cores that others were using."""
_ARTIFACT_FACTOR, _ARTIFACT_SLACK_BYTES = 20.0, 64_000_000
_ALIKE = (0.7, 3.0)
_LEAST_POINTS = 5
_CONTRADICTS = 0.4
"""Of the training loss that a program reports at its end, the least share that its score can be.
The least that an honest idea had is 0.72: label smoothing, whose training loss counts the
smoothing."""
_NOTABLE_GAIN, _NEAR = 0.2, 2.0
"""A gain is out of the ordinary above this share of the baseline's loss, and above so many times
the largest gain of any other idea at its rung."""


@dataclass(frozen=True)
class Reference:
    """The baseline's trials at the same rung, as means; None where there is none."""

    cpu_seconds: float | None = None
    artifact_bytes: float | None = None
    curve_end: float | None = None
    loss: float | None = None
    score_cpu_seconds: float | None = None


def audit(
    usage: Usage,
    curve: Curve,
    measurement: Measurement,
    reference: Reference,
    *,
    flops: bool,
    curve_counts: bool,
    has_device: bool,
) -> tuple[Audit, ...]:
    """Every audit that there is something to hold against.

    Args:
        usage: what the trial used and claimed.
        curve: what it reported.
        measurement: what it scored.
        reference: the baseline at its rung.
        flops: whether compute counts in FLOPs.
        curve_counts: whether the curve's loss is one that the score could be.
        has_device: whether the trial was given an accelerator. Where it was shut in and was given
            none it found none, whatever the machine has.
    """
    devices = _devices() if measurement.isolation == "E" else int(has_device)
    found = [
        _compute(usage, devices) if flops else None,
        _time(usage, reference) if flops else None,
        _scoring(usage, reference),
        _curve(curve, measurement, reference) if curve_counts else None,
        _artifacts(usage, reference),
    ]
    return tuple(each for each in found if each is not None)


def is_notable(loss: float, baseline: float | None, best_gain: float) -> bool:
    """Whether a loss is better than the baseline's by far more than any other idea's.

    `best_gain` is the largest gain of any other idea at its rung, a share of the baseline's loss.
    """
    if baseline is None or baseline <= 0:
        return False
    return 1 - loss / baseline > max(_NOTABLE_GAIN, _NEAR * best_gain)


def _compute(usage: Usage, devices: int) -> Audit | None:
    claimed = usage.claimed_compute
    if not claimed or usage.cpu_seconds <= 0:
        return None
    if devices:
        peak, seconds, what = devices * _DEVICE_PEAK_FLOPS, usage.wall_seconds, "device-seconds"
    else:
        peak, seconds, what = _core_peak_flops(), usage.cpu_seconds, "CPU seconds"
    rate = claimed / max(seconds, _LEAST_SECONDS)
    evidence = (
        f"{compact(claimed)} FLOPs in {seconds:.2f} {what}, {compact(rate)} per second, where this "
        f"machine can do at most {compact(peak)}"
    )
    return Audit("compute", rate <= peak, evidence)


def _time(usage: Usage, reference: Reference) -> Audit | None:
    usual = reference.cpu_seconds
    if not usual or usage.cpu_seconds <= 0:
        return None
    factor = usage.cpu_seconds / usual
    passed = usage.cpu_seconds <= _TIME_FACTOR * usual + _TIME_SLACK_SECONDS
    evidence = (
        f"{usage.cpu_seconds:.1f} CPU seconds, {factor:.2f} times what the baseline used at its "
        "rung"
    )
    return Audit("time", passed, evidence)


def _scoring(usage: Usage, reference: Reference) -> Audit | None:
    """Whether it may have trained while it was scored, where compute is not counted: what its
    scoring took beyond the baseline's is held to what training may take beyond."""
    used, usual, train = usage.score_cpu_seconds, reference.score_cpu_seconds, reference.cpu_seconds
    if used is None or usual is None or not train:
        return None
    more = max(0.0, used - _TIME_FACTOR * usual)
    passed = more <= (_TIME_FACTOR - 1) * train + _TIME_SLACK_SECONDS
    evidence = (
        f"its scoring took {used:.1f} CPU seconds, the baseline's {usual:.1f}, and the baseline's "
        f"training {train:.1f}"
    )
    return Audit("scoring", passed, evidence)


def _curve(curve: Curve, measurement: Measurement, reference: Reference) -> Audit | None:
    """Whether the score is far better than anything that the program saw in training.

    Asked where curve and score count alike, as the baseline's do: else it may mean anything.
    """
    end, usual, baseline = curve_end(curve), reference.curve_end, reference.loss
    if end is None or end <= 0 or not usual or usual <= 0 or baseline is None or baseline <= 0:
        return None
    alike = baseline / usual
    if len(curve.loss) < _LEAST_POINTS or not _ALIKE[0] <= alike <= _ALIKE[1]:
        return None
    ratio = measurement.to_minimize / end
    evidence = (
        f"the score's loss is {ratio:.2f} times the training loss at the end; the baseline's "
        f"{alike:.2f} times"
    )
    return Audit("curve", ratio >= _CONTRADICTS * min(alike, 1.0), evidence)


def _artifacts(usage: Usage, reference: Reference) -> Audit | None:
    size, usual = usage.artifact_bytes, reference.artifact_bytes
    if size is None or usual is None:
        return None
    passed = size <= _ARTIFACT_FACTOR * usual + _ARTIFACT_SLACK_BYTES
    evidence = f"{size / 1e6:.2f} MB of artifacts, where the baseline leaves {usual / 1e6:.2f} MB"
    return Audit("artifacts", passed, evidence)


def curve_end(curve: Curve) -> float | None:
    """The mean reported loss over the last tenth of the points; None where there is none."""
    losses = [loss for loss in curve.loss if loss is not None]
    last = losses[-max(1, len(losses) // 10) :]
    return sum(last) / len(last) if last else None


@cache
def _core_peak_flops() -> float:
    """What a core can do in a second, by what its processor says of itself; generously."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _UNKNOWN_CORE_PEAK_FLOPS
    flags = {
        flag for line in text.splitlines() if line.startswith("flags") for flag in line.split()
    }
    peaks = [peak for flag, peak in _CORE_PEAK_FLOPS.items() if flag in flags]
    return max(peaks, default=_UNKNOWN_CORE_PEAK_FLOPS)


@cache
def _devices() -> int:
    """Accelerators that a program on this machine can see."""
    nvidia = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return nvidia or len(list(Path("/dev").glob("accel*"))) or int(Path("/dev/kfd").exists())
