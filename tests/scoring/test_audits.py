"""Audits fire on stories that do not fit, and on nothing that honest ideas were seen to do."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from proveout.scoring import Reference, audit, curve_end, is_notable
from proveout.trials import Curve, Measurement, Usage

GRID = Path(__file__).parents[2] / "benchmarks" / "grid"
CURVE = Curve(tuple(1e9 * n for n in range(1, 21)), tuple(5.0 - 0.1 * n for n in range(1, 21)))
REFERENCE = Reference(cpu_seconds=10.0, artifact_bytes=1e6, curve_end=3.0, loss=3.1)


def measured(value: float) -> Measurement:
    return Measurement(value, "bits_per_byte", "bits per byte", "audited", "E", 64)


def used(cpu: float = 10.0, claimed: float | None = 1e10, artifacts: int = 10**6) -> Usage:
    return Usage(cpu, cpu, 1.0, 10**8, 0, claimed, artifacts)


def failed(usage: Usage, curve: Curve = CURVE, value: float = 3.0) -> set[str]:
    found = audit(
        usage, curve, measured(value), REFERENCE, flops=True, curve_counts=True, has_device=False
    )
    assert all(each.evidence for each in found)
    return {each.name for each in found if not each.passed}


def test_an_ordinary_trial_passes_all_four() -> None:
    found = audit(
        used(), CURVE, measured(3.0), REFERENCE, flops=True, curve_counts=True, has_device=False
    )
    assert [each.name for each in found] == ["compute", "time", "curve", "artifacts"]
    assert all(each.passed for each in found)


def test_each_audit_fires_on_what_cannot_be() -> None:
    assert failed(used(cpu=0.1, claimed=1e20)) == {"compute"}
    assert failed(used(cpu=200.0)) == {"time"}
    assert failed(used(artifacts=10**9)) == {"artifacts"}
    assert failed(used(), value=0.4) == {"curve"}


def test_training_while_it_is_scored_is_found_whatever_compute_counts_in() -> None:
    reference = replace(REFERENCE, score_cpu_seconds=2.0)
    for flops in (True, False):
        for took, passes in ((2.0, True), (12.0, True), (70.0, True), (90.0, False)):
            found = audit(
                replace(used(), score_cpu_seconds=took), Curve(), measured(3.0), reference,
                flops=flops, curve_counts=True, has_device=False,
            )  # fmt: skip
            (scoring,) = [each for each in found if each.name == "scoring"]
            assert scoring.passed == passes, (flops, took)


def test_an_accelerator_that_a_trial_was_not_given_excuses_no_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The machine may have eight; who was shut in without one has the processor's time alone."""
    monkeypatch.setattr("proveout.scoring._audits._devices", lambda: 8)
    slept, told = Usage(600.0, 1.0, 1.0, None, 0, 1e15), {"flops": True, "curve_counts": False}
    shut_in = replace(measured(3.0), isolation="C")
    for measurement, given, passes in (
        (shut_in, False, False), (shut_in, True, True), (measured(3.0), False, True),
    ):  # fmt: skip
        (compute,) = audit(slept, Curve(), measurement, Reference(), has_device=given, **told)
        assert compute.passed == passes, (measurement, given)


def test_what_is_not_known_is_not_held_against_anybody() -> None:
    nothing = Usage(1.0, 0.0, 1.0, None, 0, None, None)
    assert (
        audit(
            nothing,
            Curve(),
            measured(0.1),
            Reference(),
            flops=True,
            curve_counts=True,
            has_device=False,
        )
        == ()
    )
    # A program that reports one point, or a loss that counts otherwise, has no curve to go by.
    assert failed(used(), Curve((1e10,), (1.0,)), 0.1) == set()
    other = Curve(CURVE.compute, tuple(100.0 for _ in CURVE.compute))
    reference = Reference(curve_end=100.0, loss=3.1)
    found = audit(
        used(), other, measured(0.3), reference, flops=True, curve_counts=True, has_device=False
    )
    assert all(each.passed for each in found)


def test_no_idea_on_record_comes_near_an_alarm() -> None:
    """Every trial of two recorded grids, as its audits would have seen it."""
    seen = 0
    for name in ("byte_lm", "byte_lm_large"):
        with (GRID / f"{name}.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["bits_per_byte"]]
        with (GRID / f"{name}_curves.csv").open() as file:
            curves = {(r["idea"], r["rung"], r["replicate"]): r for r in csv.DictReader(file)}
        base = defaultdict(list)
        for row in rows:
            if row["idea"] == "baseline":
                base[row["rung"], row["machine"]].append(row)
        for row in rows:
            twins = base[row["rung"], row["machine"]]
            tenths = curves.get((row["idea"], row["rung"], row["replicate"]))
            if not twins or tenths is None:
                continue
            losses = [float(tenths[key]) for key in list(tenths)[3:] if tenths[key]]
            curve = Curve(tuple(range(1, len(losses) + 1)), tuple(losses))
            ends = [curves["baseline", r["rung"], r["replicate"]]["1"] for r in twins
                    if ("baseline", r["rung"], r["replicate"]) in curves]  # fmt: skip
            reference = Reference(
                cpu_seconds=fmean(float(r["cpu_seconds"]) for r in twins),
                curve_end=fmean(map(float, ends)) if ends else None,
                loss=fmean(float(r["bits_per_byte"]) for r in twins),
            )
            usage = Usage(1e9, float(row["cpu_seconds"]), 0, 1, 0, float(row["flops"]))
            found = audit(
                usage, curve, measured(float(row["bits_per_byte"])), reference,
                flops=True, curve_counts=True, has_device=False,
            )  # fmt: skip
            assert all(each.passed for each in found), (row, found)
            assert not is_notable(float(row["bits_per_byte"]), reference.loss, 0.0)
            seen += len(found) >= 3
    assert seen > 800


@pytest.mark.parametrize(
    ("loss", "best", "notable"),
    [(2.9, 0.0, False), (2.5, 0.0, False), (2.3, 0.0, True), (2.3, 0.15, False), (1.0, 0.2, True)],
)
def test_a_gain_is_notable_far_beyond_what_is_known(
    loss: float, best: float, notable: bool
) -> None:
    assert is_notable(loss, 3.0, best) == notable


def test_nothing_is_notable_where_there_is_nothing_to_hold_it_against() -> None:
    assert not is_notable(0.1, None, 0.0)
    assert not is_notable(-5.0, -1.0, 0.0)


def test_the_end_of_a_curve_is_its_last_tenth() -> None:
    assert curve_end(CURVE) == pytest.approx((3.0 + 3.1) / 2)
    assert curve_end(Curve((1.0, 2.0), (2.0, None))) == 2.0
    assert curve_end(Curve()) is None
