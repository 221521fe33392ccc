"""A number that the program wrote itself. Nothing checks it, and the record says so."""

from __future__ import annotations

import json
from pathlib import Path

from proveout.errors import ScoringFailed
from proveout.scoring._evaluator import Evaluator, Scored, Tier, read_number
from proveout.scoring._numbers import as_number
from proveout.study import CurveSource, ReportedScore
from proveout.trials import Exit, Job, Trial, newest, read_regular, rows, search_lines, trial_folder

_MOST_BYTES = 4_000_000
_PATTERN_SECONDS = 20.0
_MOST_LINE = 2000


class ReportedEvaluator(Evaluator):
    """Reads metrics.jsonl, another file in the output folder, or the program's output."""

    trust = "reported"

    def job(
        self, trial: Trial, tree: Path, device: str | None, tier: Tier = "search"
    ) -> Job | None:
        """Nothing is to run."""
        return None

    def _scored_of(self, trial: Trial, ended: Exit, tier: Tier) -> Scored:
        """What the program said.

        Raises:
            ScoringFailed: it said nothing, or no finite number in the declared range.
        """
        score, folder = self._score, trial_folder(self._study, trial)
        if score.pattern:
            value = self._choose(matches_in(score.pattern, _text(folder.log)), "its output")
        elif score.file.endswith(".json"):
            value = read_number(_found(folder.out, score.file), score.key)
        elif score.file:
            _found(folder.out, score.file)
            kept = [row[score.key] for row in rows(_source(score.file), folder.out, folder.log)
                    if score.key in row]  # fmt: skip
            value = self._choose(kept, f"{score.file} at {score.key!r}")
        else:
            lines = _lines(_text(folder.metrics), score.key)
            value = self._choose(lines, f"metrics.jsonl at {score.key!r}")
        return Scored(self._measurement(value, 1))

    def _choose(self, values: list[object], where: str) -> float:
        """The last number, or the best."""
        if not values:
            raise ScoringFailed(
                "unscorable", f"the program reported no {self._score.name} in {where}"
            )
        if self._score.take == "last":
            return as_number(values[-1], where)
        numbers = [as_number(value, where) for value in values]
        return max(numbers) if self._score.maximized else min(numbers)

    @property
    def _score(self) -> ReportedScore:
        assert isinstance(self._study.score, ReportedScore), self._study.score.kind
        return self._study.score


def _text(file: Path) -> bytes:
    try:
        return read_regular(file, _MOST_BYTES)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ScoringFailed("unscorable", f"{file.name} could not be read: {reason}") from None


def _source(file: str) -> CurveSource:
    """How a file is read, by its name."""
    if "tfevents" in file:
        return CurveSource(source="tensorboard", file=file)
    return CurveSource(source="csv" if file.endswith((".csv", ".tsv")) else "jsonl", file=file)


def _found(out: Path, name: str) -> Path:
    """The file of a name, or the newest of a pattern."""
    if not any(mark in name for mark in "*?["):
        file: Path | None = _inside(out, name)
    else:
        file = newest(out, name)
    if file is None or not file.is_file():
        there = ", ".join(sorted(each.name for each in out.iterdir())[:8]) or "nothing"
        raise ScoringFailed("unscorable", f"no {name} was written; {{out}} has: {there}")
    if file.stat().st_size > _MOST_BYTES:
        raise ScoringFailed(
            "unscorable", f"{name} is larger than {_MOST_BYTES // 1_000_000} MB, too large to read"
        )
    return file


def _inside(out: Path, name: str) -> Path:
    """A file below the output folder, if no link leads there."""
    file = out
    for part in Path(name).parts:
        file = file / part
        if file.is_symlink():
            raise ScoringFailed("unscorable", f"{name} is reached through a link")
    return file


def _lines(content: bytes, key: str) -> list[object]:
    found: list[object] = []
    for line in content.decode(errors="replace").splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and key in record:
            found.append(record[key])
    return found


def matches_in(pattern: str, content: bytes) -> list[object]:
    """What the first group of an expression finds in each line, as numbers; None where it is none.

    Raises:
        ScoringFailed: it takes too long to look for.
    """
    found = search_lines(pattern, content, "all", _MOST_LINE, _PATTERN_SECONDS)
    if found is None:
        raise ScoringFailed(
            "unscorable", f"the pattern {pattern!r} could not be held against the output"
        )
    numbers: list[object] = []
    for text in found:
        try:
            numbers.append(float(text))
        except (TypeError, ValueError):
            numbers.append(None)
    return numbers
