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
from proveout.report._html import (
    STYLE_SHEET,
    TABS,
    page_environment,
    render_html,
    source_hash,
    write_html,
)
from proveout.report._idea_page import idea_page
from proveout.report._idea_view import idea_view
from proveout.report._improvement import (
    IMPROVEMENT_VERSION,
    improvement_json,
    improver_diff,
    improver_json,
    safety,
)
from proveout.report._improvement_html import (
    improvement_view,
    improver_view,
    write_improvement_html,
)
from proveout.report._improvement_text import (
    improvement_text,
    improver_page,
    safety_table,
    transfer_table,
)
from proveout.report._json import JSON_VERSION, as_json
from proveout.report._ladder_view import ladder_view
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
from proveout.report._notebook import write_notebook
from proveout.report._sense import in_own_sense
from proveout.report._snapshot import Snapshot
from proveout.report._sources import has_sources, sources_table
from proveout.report._study_views import scaling_view, spending_view, trust_view
from proveout.report._tables import ideas_table, verdict_table, verdict_word
from proveout.report._terminal import Overview, overview, status_text
from proveout.report._text import clean, trial_line
from proveout.report._trace_records import TRACE_VERSION, Trace
from proveout.report._traces import read_traces, write_traces
from proveout.report._trust import evidence_lines, trust_lines
from proveout.report._views import Asked, frame, learnt, overview_view

__all__ = [
    "IMPROVEMENT_VERSION",
    "JSON_VERSION",
    "STYLE_SHEET",
    "TABS",
    "TRACE_VERSION",
    "Asked",
    "LawLine",
    "LawPicture",
    "Overview",
    "RunPoint",
    "Snapshot",
    "TargetPoint",
    "Trace",
    "all_figures",
    "answer",
    "as_json",
    "budget_figure",
    "check_figure_path",
    "checkout_command",
    "clean",
    "decide_figure",
    "decision_table",
    "evidence_lines",
    "forecast_figure",
    "forecast_lines",
    "frame",
    "gap_figure",
    "has_sources",
    "idea_page",
    "idea_view",
    "ideas_table",
    "improvement_json",
    "improvement_text",
    "improvement_view",
    "improver_diff",
    "improver_json",
    "improver_page",
    "improver_view",
    "in_own_sense",
    "ladder_view",
    "law_figure",
    "learnt",
    "loss_figure",
    "overview",
    "overview_view",
    "page_environment",
    "read_traces",
    "render_html",
    "safety",
    "safety_table",
    "save_decide_figure",
    "save_figures",
    "save_law_figure",
    "scaling_view",
    "source_hash",
    "sources_table",
    "spending_view",
    "status_text",
    "transfer_table",
    "trial_line",
    "trust_lines",
    "trust_view",
    "verdict_table",
    "verdict_word",
    "write_html",
    "write_improvement_html",
    "write_markdown",
    "write_notebook",
    "write_traces",
]
