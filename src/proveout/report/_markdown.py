"""The short report: the answer, the table of ideas and the decisions, as Markdown."""

from __future__ import annotations

import re
from pathlib import Path

from proveout.ledger import History, VerdictsRead
from proveout.report._answer import answer, checkout_command
from proveout.report._facts import Row, decided, table_rows
from proveout.report._files import write_whole
from proveout.report._meanings import ACTIONS
from proveout.report._sources import HEAD, has_sources, source_rows
from proveout.report._text import (
    DASH,
    clean,
    gap_decimals,
    gap_with_interval,
    mark,
    multiplier_with_interval,
    seeds_of,
)
from proveout.report._trust import trust_lines
from proveout.study import Study

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#!|~$&]|^\+|(?<=\\)\(")


def write_markdown(
    study: Study, history: History, path: Path, verdicts: VerdictsRead | None = None
) -> None:
    """Writes the short report to a file, whole or not at all."""
    lines = [f"# {_escape(study.name)}", ""]
    if study.question:
        lines += [_escape(study.question), ""]
    lines += [f"- {_escape(sentence, 1000)}" for sentence in answer(study, history, verdicts)]
    command = checkout_command(history, verdicts)
    if command is not None:
        lines += ["", f"    {command}"]
    lines += ["", "## Ideas", "", *_table(study, table_rows(history, verdicts))]
    if has_sources(study, history):
        lines += ["", "## Sources", "", f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
        for row in source_rows(study, history, verdicts):
            lines.append(f"| {' | '.join(map(_escape, row))} |")
    lines += ["", "## Decisions", "", *_decisions(history)]
    lines += ["", "## How far to trust this", ""]
    lines += [f"- {_escape(each, 1000)}" for each in trust_lines(study, history)]
    write_whole(path, "\n".join(lines) + "\n")


def _escape(text: str, limit: int = 400) -> str:
    return _SPECIAL.sub(r"\\\g<0>", clean(text, limit))


def _table(study: Study, rows: tuple[Row, ...]) -> list[str]:
    if not rows:
        return ["No idea has been tried yet."]
    digits = gap_decimals(row.verdict for row in rows if row.verdict)
    head = f"| idea | verdict | gap at {study.ladder.target} (80%) | compute multiplier (80%) |"
    lines = [f"{head} rungs × seeds | why |", "|---|---|---|---|---|---|"]
    for row in rows:
        verdict = row.verdict
        told = [_escape(row.idea, 60), f"{mark(row.word).sign} {_escape(row.word, 20)}"]
        told += [gap_with_interval(verdict, digits), multiplier_with_interval(verdict),
                 seeds_of(verdict), _escape(verdict.why)] if verdict else [DASH] * 4  # fmt: skip
        lines.append(f"| {' | '.join(told)} |")
    return lines


def _decisions(history: History) -> list[str]:
    said = decided(history)
    if not said:
        return ["Nothing but purchases has been decided yet."]
    return [
        f"{number}. {_escape(ACTIONS.get(each.action, each.action), 60)}: {_escape(each.why)}"
        for number, each in enumerate(said, start=1)
    ]
