"""The live view of a study: where it stands, in as many lines as the terminal has."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from proveout.ledger import History, VerdictsRead
from proveout.report._facts import count_trials, decided, table_rows
from proveout.report._meanings import ACTIONS
from proveout.report._tables import rows_table
from proveout.report._text import clean, share
from proveout.study import Study
from proveout.units import compact, duration

_BAR = 24
_LEAST_TABLE = 3
"""Lines that are kept for the table of ideas, its header included."""


@dataclass(frozen=True)
class Overview:
    """A rich renderable; asks the console for its size each time it is drawn."""

    study: Study
    history: History
    verdicts: VerdictsRead | None
    now: float
    seconds_left: float | None = None
    height: int | None = None
    width: int | None = None
    at_work: bool | None = None
    """Whether a controller is; None where it need not be said."""
    fault: str = ""
    """What is wrong with the ledger."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields the view, a line at a time, within the height there is."""
        width = min(self.width or options.max_width, options.max_width)
        room = (self.height or options.max_height) - 1
        head = [*_title(self.study, width), _budget(self.study, self.history, width)]
        head += [_time(self.history, self.now, self.seconds_left, self.at_work)]
        if self.fault:
            told = f"the ledger was changed after it was written: {clean(self.fault, 200)}"
            head.append(Text(told, style="bold red"))
        head.append(Text())
        ladder = _ladder(self.study, self.history, width)
        room -= len(head) + ladder.row_count + 1 + 2
        tail = _running(self.history, self.now, width, room // 2 - 1, self.at_work)
        tail += _decided(self.history, width)
        room -= len(tail)
        for line in head:
            yield _one_line(line)
        yield ladder
        yield Text()
        for line in tail:
            yield _one_line(line)
        yield Text()
        yield from _ideas(self.study, self.history, self.verdicts, width, room)


def overview(
    study: Study,
    history: History,
    verdicts: VerdictsRead | None,
    now: float,
    seconds_left: float | None = None,
    height: int | None = None,
    width: int | None = None,
) -> Overview:
    """The live view of a study.

    `now` is seconds since 1970, as in the ledger; `seconds_left` an estimate of the most, where
    there is one; lines and columns are the console's where they are not given.
    """
    return Overview(study, history, verdicts, now, seconds_left, height, width)


def status_text(
    study: Study,
    history: History,
    now: float | None = None,
    width: int = 100,
    at_work: bool | None = None,
    fault: str = "",
) -> str:
    """The same view as plain text, with the whole table of ideas.

    `at_work` is whether a controller is, and `fault` what is wrong with the ledger, where known.
    """
    moment = time.time() if now is None else now
    target = io.StringIO()
    console = Console(file=target, width=width, height=1000, color_system=None)
    view = replace(
        overview(study, history, None, moment, height=1000), at_work=at_work, fault=fault
    )
    console.print(view)
    return "\n".join(line.rstrip() for line in target.getvalue().rstrip().split("\n"))


def _one_line(text: Text) -> Text:
    text.no_wrap = True
    text.overflow = "ellipsis"
    return text


def _title(study: Study, width: int) -> list[Text]:
    name = Text(clean(study.name, width), style="bold")
    return [name, Text(clean(study.question, width), style="italic")] if study.question else [name]


def _budget(study: Study, history: History, width: int) -> Text:
    account = history.account
    unit = study.budget.compute.unit
    text = Text("budget  ")
    if account.budget <= 0:
        return text.append(f"{study.budget.compute}, nothing spent")
    charged = min(round(_BAR * account.charged / account.budget), _BAR)
    held = min(round(_BAR * account.reserved / account.budget), _BAR - charged)
    text.append("█" * charged, style="green").append("▒" * held, style="yellow")
    text.append("░" * (_BAR - charged - held), style="bright_black")
    text.append(f" {compact(account.charged)} of {compact(account.budget)} {unit} charged")
    text.append(f" ({share(account.charged, account.budget)})")
    more = f", {compact(account.reserved)} reserved, {compact(max(account.left, 0.0))} left"
    return text.append(more) if text.cell_len + len(more) <= width else text


def _time(history: History, now: float, seconds_left: float | None, at_work: bool | None) -> Text:
    text = Text("time    ")
    started = [r.started_at for r in history.trials.values() if r.state == "running"]
    seconds = history.active_seconds
    if started and history.ended is None and at_work is not False:
        latest = max(
            max(r.started_at, r.finished_at or r.started_at) for r in history.trials.values()
        )
        seconds += max(0.0, min(now - latest, 3600.0))
    text.append(f"{duration(seconds)} so far")
    if history.ended is not None:
        text.append(f"; ended: {clean(history.ended.why, 200)}")
    elif at_work is False:
        text.append("; no controller is at work, `proveout run` goes on with it", style="yellow")
    elif seconds_left is not None:
        text.append(f", at most about {duration(max(seconds_left, 0.0))} left")
    return text


def _ladder(study: Study, history: History, width: int) -> Table:
    counts = count_trials(study, history)
    names = [rung.label for rung in study.rungs] + [f"{study.target.label}*"]
    shown = _rungs_that_fit(names, [bool(c.done or c.running or c.failed) for c in counts], width)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(Text(f"{study.ladder.target.unit}  (* target)"), no_wrap=True)
    for index in shown:
        table.add_column(Text(names[index]), justify="right", no_wrap=True)
    table.add_row(Text("trials done"), *(_number(counts[i].done, "green") for i in shown))
    table.add_row(Text("running"), *(_number(counts[i].running, "cyan") for i in shown))
    table.add_row(Text("failed"), *(_number(counts[i].failed, "red") for i in shown))
    return table


def _rungs_that_fit(names: Sequence[str], used: Sequence[bool], width: int) -> list[int]:
    """All rungs, or those around the highest one in use."""
    room = max(1, (width - 26) // (max(map(len, names)) + 2))
    if len(names) <= room:
        return list(range(len(names)))
    top = max((index for index, each in enumerate(used) if each), default=0)
    start = max(0, min(top - room + 2, len(names) - room))
    return list(range(start, start + room))


def _number(count: int, style: str) -> Text:
    return Text(str(count), style=style) if count else Text("·", style="bright_black")


def _running(
    history: History, now: float, width: int, most: int, at_work: bool | None = None
) -> list[Text]:
    """A line for each running trial with what it was bought for, the latest first."""
    records = [r for r in history.trials.values() if r.state == "running"]
    if not records:
        return [Text("running ").append("nothing", style="bright_black")]
    records.sort(key=lambda record: (-record.started_at, record.trial))
    shown = records if len(records) <= most else records[: max(1, most - 1)]
    lines = []
    for number, record in enumerate(shown):
        text = Text("        " if number else "running ")
        text.append(clean(record.trial.id, 40), style="cyan")
        ran = duration(max(0.0, now - record.started_at))
        text.append(" cut off" if at_work is False else f" {ran}")
        if record.why:
            text.append(f"  {clean(record.why, width)}", style="bright_black")
        lines.append(text)
    if len(shown) < len(records):
        lines.append(Text(f"        and {len(records) - len(shown)} more", style="bright_black"))
    return lines


def _decided(history: History, width: int) -> list[Text]:
    """The last decision that was not only a purchase."""
    said = decided(history)
    if not said:
        return []
    action = said[-1].action
    lead = Text("decided ").append(ACTIONS.get(action) or clean(action, 24), style="bold")
    return [lead.append(f"  {clean(said[-1].why, width)}")]


def _ideas(
    study: Study, history: History, verdicts: VerdictsRead | None, width: int, room: int
) -> RenderResult:
    rows = table_rows(history, verdicts)
    if not rows:
        yield Text("No idea has been tried yet.", style="italic")
        return
    room = max(room, _LEAST_TABLE)
    cut = len(rows) + 1 > room
    shown = rows[: room - 2] if cut else rows
    yield rows_table(study, shown, width)
    if cut:
        words = [row.word for row in rows[len(shown) :]]
        counted = ", ".join(f"{words.count(w)} {clean(w, 20)}" for w in dict.fromkeys(words))
        yield _one_line(Text(f"and {len(words)} more: {counted}", style="bright_black"))
