"""The report as one HTML file that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from proveout.ideas import BASELINE
from proveout.ledger import History, VerdictsRead
from proveout.report import _text as text
from proveout.report._answer import answer, checkout_command
from proveout.report._facts import (
    Row,
    failures_by_kind,
    metric_name,
    rung_name,
    stamps,
    table_rows,
)
from proveout.report._files import write_whole
from proveout.report._meanings import ISOLATION, TRUST, VERDICTS
from proveout.report._parts import (
    anchor_of,
    diff_shown,
    failure_line,
    forecast_cells,
    idea_facts,
    idea_rungs,
    money,
    table_line,
)
from proveout.report._sources import HEAD, has_sources, source_rows
from proveout.report._trust import evidence_lines, trust_lines
from proveout.study import Study

_SHOWN_FAILURES = 40


def write_html(
    study: Study,
    history: History,
    diffs: Mapping[str, str],
    path: Path,
    verdicts: VerdictsRead | None = None,
) -> None:
    """Writes the report to a file, whole or not at all.

    `diffs` has each idea's change as git tells it; `verdicts` None takes the ones last recorded.
    """
    write_whole(path, render_html(study, history, diffs, verdicts))


def render_html(
    study: Study,
    history: History,
    diffs: Mapping[str, str],
    verdicts: VerdictsRead | None = None,
) -> str:
    """The report's text; the same for the same records."""
    page = _page(study, history, diffs, verdicts)
    rendered: str = page_environment().get_template("report.html").render(page)
    return rendered


def page_environment(*more: Path) -> Any:
    """Jinja's environment for the templates of this room, and of other folders before them.

    Everything is escaped, and a name that a template uses and nobody gave is an error.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*more, Path(__file__).parent / "templates"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clean"] = text.clean
    return environment


def _page(
    study: Study, history: History, diffs: Mapping[str, str], verdicts: VerdictsRead | None
) -> dict[str, Any]:
    rows = table_rows(history, verdicts)
    digits = text.gap_decimals(row.verdict for row in rows if row.verdict)
    opened = history.opened
    baseline = history.ideas.get(BASELINE)
    every = [*rows, *([Row(BASELINE, baseline, None)] if baseline else [])]
    return {
        "name": text.clean(study.name, 120),
        "question": text.clean(study.question, 1000),
        "metric": metric_name(study),
        "target": str(study.ladder.target),
        "unit": study.budget.compute.unit,
        "sentences": answer(study, history, verdicts),
        "checkout": checkout_command(history, verdicts),
        "rows": [table_line(study, row, digits) for row in rows],
        "meanings": [(text.mark(word).sign, word, told) for word, told in VERDICTS.items()],
        "figures": _figures(study, history, verdicts, rows),
        "forecasts": [forecast_cells(study, history, made) for made in history.forecasts.values()],
        "ideas": [_idea(study, history, row, diffs) for row in every],
        "merges": [idea for idea in history.ideas.values() if idea.kind == "stack"],
        "conflicts": history.merges_refused,
        "decisions": history.decisions,
        "went": money(study, history, verdicts),
        "failures": _failures(history),
        "refused": history.refused,
        "source_head": HEAD,
        "sources": source_rows(study, history, verdicts) if has_sources(study, history) else (),
        "stamps": [
            (trust, TRUST.get(trust, ""), level, ISOLATION.get(level, ""), count)
            for trust, level, count in stamps(history)
        ],
        "score_kind": study.score.kind,
        "trust_lines": trust_lines(study, history),
        "better": "above" if history.turned else "below",
        "version": text.clean(opened.proveout_version, 60) if opened else text.DASH,
        "machine": text.clean(opened.machine, 400) if opened else text.DASH,
        "toml": "\n".join(text.clean_lines(opened.study_toml)) if opened else "",
        "seeds": _seeds(study, history),
        "dash": text.DASH,
    }


class _Picture(NamedTuple):
    name: str
    title: str
    caption: str
    svg: Any


def _figures(
    study: Study, history: History, verdicts: VerdictsRead | None, rows: tuple[Row, ...]
) -> list[_Picture]:
    from markupsafe import Markup

    from proveout.report._figures import all_figures
    from proveout.report._style import svg_text

    unmeasured = [row.idea for row in rows if not (row.verdict and row.verdict.measured)]
    left_out = ", ".join(text.clean(name, 60) for name in unmeasured)
    captions = {
        "gaps": (
            "Gap to the baseline over compute",
            f"{'Above' if history.turned else 'Below'} zero is better. Points are means over "
            "paired seeds, the shaded interval holds the gap with a probability of 80%."
            + (f" Not drawn, because never measured against the baseline: {left_out}."
               if left_out else ""),
        ),
        "losses": (
            "Loss over compute",
            "The baseline, its fitted laws averaged, and what was carried to the target. Forecasts "
            "stand to the right of the target; that of the carried idea is the baseline's forecast "
            "plus the forecast gap, with the gap's interval.",
        ),
        "forecast": ("Forecast and measurement", "What was recorded before the run at the target."),
        "budget": ("Where the budget went", "What was charged at each rung, by what came of it."),
    }  # fmt: skip
    return [
        # Matplotlib escapes the few words of ours that it sets.
        _Picture(name, *captions[name], Markup(svg_text(figure, name)))
        for name, figure in all_figures(study, history, verdicts).items()
    ]


def _idea(study: Study, history: History, row: Row, diffs: Mapping[str, str]) -> dict[str, Any]:
    record = row.record
    failed = [r for _, r in sorted(history.trials.items()) if r.trial.idea == row.idea]
    return {
        "name": text.clean(row.idea, 60),
        "anchor": anchor_of(row.idea),
        "word": "" if row.idea == BASELINE else text.clean(row.word, 20),
        "sign": text.mark(row.word).sign,
        "why": text.clean(row.verdict.why, 1000) if row.verdict else "",
        "facts": idea_facts(record) if record else [],
        "rungs": idea_rungs(study, history, row.idea, row.verdict),
        "failures": [failure_line(each) for each in failed if each.failure],
        "evidence": evidence_lines(history, row.idea),
        "diff": diff_shown(diffs.get(row.idea, "")),
    }


def _failures(history: History) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "count": len(records), "left_out": max(0, len(records) - _SHOWN_FAILURES),
         "trials": [failure_line(each) for each in records[:_SHOWN_FAILURES]]}
        for kind, records in failures_by_kind(history).items()
    ]  # fmt: skip


def _seeds(study: Study, history: History) -> list[tuple[str, str]]:
    found: dict[int, dict[int, int]] = {}
    for trial, record in history.trials.items():
        found.setdefault(trial.rung, {})[trial.replicate] = record.seed
    return [
        (rung_name(study, rung), ", ".join(str(seed) for _, seed in sorted(seeds.items())))
        for rung, seeds in sorted(found.items())
    ]
