"""One idea on one page of the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from proveout.ideas import BASELINE, Idea
from proveout.ledger import History, Verdict
from proveout.report._facts import rung_name, rungs_used, seed_gaps
from proveout.report._tables import verdict_word
from proveout.report._terminal_plot import gap_plot
from proveout.report._text import (
    DASH,
    clean,
    clean_lines,
    gap,
    gap_decimals,
    gap_with_interval,
    loss,
    multiplier_with_interval,
    probability,
)
from proveout.report._trust import evidence_lines
from proveout.study import Study

_DIFF_LINES = 120


def idea_page(
    study: Study,
    history: History,
    verdict: Verdict | None,
    diff: str = "",
    idea: str = BASELINE,
    plot_width: int = 0,
    unicode: bool = True,
) -> RenderableType:
    """What is known of an idea: hypothesis, source, change, gaps, failures, verdict.

    `diff` is the change as git tells it; `idea` says which one where it has no verdict. A picture
    of its gap over compute has at most `plot_width` columns, and is of ASCII without `unicode`.
    """
    idea = verdict.idea if verdict else idea
    record = history.ideas.get(idea)
    parts: list[RenderableType] = [_heading(idea, record, verdict), *_verdict_lines(study, verdict)]
    parts += [Text(), _facts(history, record), *_measured(study, history, idea, verdict)]
    if picture := gap_plot(study, verdict, plot_width, unicode):
        told = f"{'●' if unicode else 'o'} means, the fit, and the ends of its 80% interval"
        parts += [Text(), Text("gap over compute", style="bold").append(f": {told}", "not bold")]
        parts += picture
    parts += _failures(history, idea)
    if evidence := evidence_lines(history, idea):
        parts += [Text(), Text("evidence", style="bold"), *map(Text, evidence)]
    if diff.strip():
        parts += [Text(), Text("change", style="bold"), _diff(diff)]
    return Group(*parts)


def _heading(idea: str, record: Idea | None, verdict: Verdict | None) -> Text:
    text = Text(clean(idea, 60), style="bold")
    if record is not None and record.category:
        text.append(f"  {clean(record.category, 40)}", style="not bold dim")
    return text.append("  ").append(verdict_word(verdict.verdict)) if verdict else text


def _verdict_lines(study: Study, verdict: Verdict | None) -> list[RenderableType]:
    if verdict is None:
        return [Text("not judged yet", style="italic")]
    digits = gap_decimals([verdict])
    numbers = Text(f"gap at {study.ladder.target}: {gap_with_interval(verdict, digits)} (80%)")
    numbers.append(f"; compute {multiplier_with_interval(verdict)}")
    numbers.append(f"; helps with probability {probability(verdict.probability_helps)}")
    return [Text(clean(verdict.why, 400)), numbers]


def _facts(history: History, record: Idea | None) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    if record is None:
        return Text("The ledger has no idea of this name.", style="italic")
    parameters = ", ".join(f"{name} = {value}" for name, value in record.parameters.items())
    changed = history.diff_lines.get(record.name, 0)
    facts = {
        "hypothesis": record.hypothesis,
        "because": record.reason,
        "from": record.origin,
        "source": record.source,
        "predicted": record.predicts,
        "parameters": parameters,
        "merges": " + ".join(record.members),
        "made from": ", ".join(record.parents),
        "withdrawn": history.withdrawn.get(record.name, ""),
        "commit": record.commit,
        "change": f"{changed} lines" if changed else "",
    }
    for name, value in facts.items():
        if value:
            table.add_row(Text(name), Text(clean(value, 2000)))
    return table


def _measured(
    study: Study, history: History, idea: str, verdict: Verdict | None
) -> list[RenderableType]:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    is_baseline = idea == BASELINE
    table.add_column(Text(study.ladder.target.unit), no_wrap=True)
    if not is_baseline:
        table.add_column(Text("mean gap ± s.e."), no_wrap=True)
    table.add_column(Text("loss by seed" if is_baseline else "gap by seed"), overflow="fold")
    recorded = {point[0]: point for point in verdict.measured} if verdict else {}
    for rung in rungs_used(study, history):
        values = history.losses(idea, rung) if is_baseline else seed_gaps(history, idea, rung)
        shown = [loss(v) if is_baseline else gap(v, 4) for _, v in sorted(values.items())]
        point = recorded.get(study.rung(rung).compute.amount)
        mean = f"{gap(point[1], 4)} ± {point[2]:.4f}" if point else DASH
        cells = [rung_name(study, rung), *([] if is_baseline else [mean])]
        table.add_row(*map(Text, cells), Text("  ".join(shown) or DASH))
    return [Text(), table]


def _failures(history: History, idea: str) -> list[RenderableType]:
    failed = [r for _, r in sorted(history.trials.items()) if r.trial.idea == idea and r.failure]
    if not failed:
        return []
    lines: list[RenderableType] = [Text(), Text("failures", style="bold")]
    for record in failed:
        assert record.failure is not None  # filtered above
        line = Text(f"{clean(record.trial.id, 80)}  ")
        line.append(record.failure.kind, style="red")
        lines.append(line.append(f": {clean(record.failure.sentence, 300)}"))
    return lines


def _diff(diff: str) -> RenderableType:
    lines = clean_lines(diff.rstrip("\n"))
    text = Text(overflow="fold")
    for line in lines[:_DIFF_LINES]:
        text.append(f"{line[:400]}\n", style=_diff_style(line))
    if len(lines) > _DIFF_LINES:
        text.append(f"and {len(lines) - _DIFF_LINES} more lines", style="italic")
    text.rstrip()
    return Padding(text, (0, 0, 0, 2))


def _diff_style(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
