"""The dashboard: a study, live, in a browser. Needs the extra `web`."""

from proveout.web._app import Options, make_app
from proveout.web._live import LiveStudy, find_studies
from proveout.web._serve import LOOPBACK, serve

__all__ = ["LOOPBACK", "LiveStudy", "Options", "find_studies", "make_app", "serve"]
