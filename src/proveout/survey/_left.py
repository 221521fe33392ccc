"""What a trial left behind, and which of it is most likely the score and the curve."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

from proveout.study import CurveSource
from proveout.survey._printed import printed
from proveout.survey._scores import Reported, Source
from proveout.trials import newest, read_text, rows


def reported(out: Path, log: Path) -> tuple[Reported, ...]:
    """Every number that a trial left, likeliest score first."""
    found = [*printed(read_text(log)), *_jsonl(out), *_json(out), *_csv(out), *_events(out)]
    order: dict[Source, int] = {"jsonl": 0, "json": 1, "output": 2, "csv": 3, "tensorboard": 4}
    return tuple(
        sorted(found, key=lambda e: (e.rank is None, e.rank or 0, order[e.source], -e.line))
    )


def _jsonl(out: Path) -> Iterator[Reported]:
    for name in ("metrics.jsonl", "**/*.jsonl"):
        if (file := newest(out, name)) and file.is_file():
            where = _named(out, file)
            yield from _columns("jsonl", CurveSource(file=where), out, where)
            return


def _csv(out: Path) -> Iterator[Reported]:
    if file := newest(out, "**/*.csv"):
        where = _named(out, file)
        yield from _columns("csv", CurveSource(source="csv", file=where), out, where)


def _events(out: Path) -> Iterator[Reported]:
    yield from _columns("tensorboard", CurveSource(source="tensorboard"), out, "**/*tfevents*")


def _named(out: Path, file: Path) -> str:
    """A file of the output folder; folders between may be called by the time or the seed."""
    inside = file.relative_to(out)
    return inside.as_posix() if len(inside.parts) == 1 else f"**/{inside.name}"


def _columns(source: Source, told: CurveSource, out: Path, file: str) -> Iterator[Reported]:
    last: dict[str, Reported] = {}
    for row in rows(told, out, out / "none"):
        for key, value in row.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                times = last[key].times + 1 if key in last else 1
                last[key] = Reported(source, key, _as_float(value), file, times=times)
    yield from (each for key, each in last.items() if key not in {"seconds", "step", "epoch"})


def _json(out: Path) -> Iterator[Reported]:
    for file in sorted(out.rglob("*.json"))[:20]:
        try:
            document = json.loads(read_text(file))
        except (ValueError, RecursionError):
            continue
        where = file.relative_to(out).as_posix()
        for key, value in _leaves(document, ""):
            yield Reported("json", key, value, where)


def _leaves(value: object, prefix: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict) and prefix.count(".") < 3:
        for key, inner in value.items():
            yield from _leaves(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool) and prefix:
        yield prefix, _as_float(value)


def _as_float(value: float) -> float:
    """Whole numbers have no largest; floats have."""
    try:
        return float(value)
    except OverflowError:
        return math.inf
