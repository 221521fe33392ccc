"""Reports: tables, figures and pages, from records only; nothing is computed again."""

from proveout.report._answer import answer, checkout_command, forecast_lines
from proveout.report._figures import (
    all_figures,
    budget_figure,
    forecast_figure,
    gap_figure,
    loss_figure,
    save_figures,
)
from proveout.report._idea_page import idea_page
from proveout.report._tables import verdict_table, verdict_word
from proveout.report._terminal import Overview, overview
from proveout.report._text import trial_line

__all__ = [
    "Overview",
    "all_figures",
    "answer",
    "budget_figure",
    "checkout_command",
    "forecast_figure",
    "forecast_lines",
    "gap_figure",
    "idea_page",
    "loss_figure",
    "overview",
    "save_figures",
    "trial_line",
    "verdict_table",
    "verdict_word",
]
