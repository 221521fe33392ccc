"""Reports: tables, figures and pages, from records only; nothing is computed again."""

from proveout.report._answer import answer, checkout_command, forecast_lines
from proveout.report._decide_figure import decide_figure, save_decide_figure
from proveout.report._decide_table import decision_table
from proveout.report._figures import (
    all_figures,
    budget_figure,
    forecast_figure,
    gap_figure,
    loss_figure,
    save_figures,
)
from proveout.report._html import render_html, write_html
from proveout.report._idea_page import idea_page
from proveout.report._json import JSON_VERSION, as_json
from proveout.report._law_figure import (
    LawLine,
    LawPicture,
    RunPoint,
    TargetPoint,
    check_figure_path,
    law_figure,
    save_law_figure,
)
from proveout.report._markdown import write_markdown
from proveout.report._sense import in_own_sense
from proveout.report._tables import ideas_table, verdict_table, verdict_word
from proveout.report._terminal import Overview, overview, status_text
from proveout.report._text import trial_line
from proveout.report._trust import evidence_lines, trust_lines

__all__ = [
    "JSON_VERSION",
    "LawLine",
    "LawPicture",
    "Overview",
    "RunPoint",
    "TargetPoint",
    "all_figures",
    "answer",
    "as_json",
    "budget_figure",
    "check_figure_path",
    "checkout_command",
    "decide_figure",
    "decision_table",
    "evidence_lines",
    "forecast_figure",
    "forecast_lines",
    "gap_figure",
    "idea_page",
    "ideas_table",
    "in_own_sense",
    "law_figure",
    "loss_figure",
    "overview",
    "render_html",
    "save_decide_figure",
    "save_figures",
    "save_law_figure",
    "status_text",
    "trial_line",
    "trust_lines",
    "verdict_table",
    "verdict_word",
    "write_html",
    "write_markdown",
]
