"""Folders in which the idea-maker improves itself, as the dashboard shows them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from proveout.errors import ProveoutError
from proveout.improve import IMPROVE_FILE, Archive, read_archive
from proveout.report import improvement_view, improver_view

_FRESH_SECONDS = 1.0


@dataclass
class LiveImprovement:
    """One folder, read anew at most once a second for all viewers together."""

    folder: Path
    slug: str
    _archive: Archive | None = None
    _looked_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base(self) -> str:
        """Where its pages begin."""
        return f"/i/{quote(self.slug, safe='')}/"

    def address(self, name: str) -> str:
        """Where an improver's page is."""
        return f"{self.base}{quote(name, safe='')}"

    def archive(self) -> Archive:
        """The archive now. Raises `DataError` where nothing was run yet."""
        with self._lock:
            if self._archive is None or time.monotonic() - self._looked_at > _FRESH_SECONDS:
                self._archive = read_archive(self.folder)
                self._looked_at = time.monotonic()
            return self._archive

    def overview(self) -> dict[str, Any]:
        """The page of the whole folder."""
        archive = self.archive()
        view = improvement_view(archive, self.slug, self.address)
        listed = [
            (name, self.address(name), improver_view(archive, name)["status"])
            for name in archive.improvers
        ]
        return view | {
            "title": "Improvers", "shown": "", "here": self.base, "home": self.base,
            "archive": listed, "entries": archive.entries,
            "present_href": self.address(archive.present) if archive.present else self.base,
        }  # fmt: skip

    def line(self) -> dict[str, str]:
        """What a list of folders says of it."""
        told = {"slug": self.slug, "href": self.base, "why": "", "present": "", "state": "",
                "runs": ""}  # fmt: skip
        try:
            archive = self.archive()
        except (ProveoutError, OSError) as error:
            return told | {"why": str(error)}
        view = improvement_view(archive, self.slug, self.address)
        state = f"ended: {view['ended']}" if view["ended"] else "not ended"
        return told | {"present": view["present"], "state": state, "runs": str(view["runs"])}

    def improver(self, name: str) -> dict[str, Any]:
        """The page of one improver. Raises KeyError where there is none."""
        archive = self.archive()
        if name not in archive.improvers:
            raise KeyError(name)
        each = improver_view(archive, name)
        return self.overview() | {
            "title": each["name"], "shown": each["name"], "each": each, "open_text": True,
            "here": self.address(name),
        }  # fmt: skip


def find_improvements(folder: Path) -> list[LiveImprovement]:
    """The folder itself, or those right below it, that hold improve.toml."""
    if (folder / IMPROVE_FILE).is_file():
        return [LiveImprovement(folder, folder.resolve().name)]
    below = sorted(file.parent for file in folder.glob(f"*/{IMPROVE_FILE}"))
    return [LiveImprovement(each, each.name) for each in below]
