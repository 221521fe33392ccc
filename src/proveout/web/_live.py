"""Studies as the dashboard follows them: read while others write, and each page made once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from proveout.errors import ProveoutError, UserError
from proveout.ledger import LEDGER_FILE, LedgerFollower, VerdictsRead, is_at_work
from proveout.report import Snapshot, in_own_sense
from proveout.study import STUDY_FILE, Study, read_study
from proveout.verdicts import judge

_FRESH_SECONDS = 0.5
"""How old a snapshot may be before the ledger is looked at again."""

_KEPT_PAGES = 64
_JUDGING_SHARE = 0.05


class LiveStudy:
    """One study: its latest snapshot, and the pages made of it, for all viewers together."""

    def __init__(self, folder: Path, slug: str) -> None:
        """`slug` names it in addresses."""
        self.folder, self.slug = folder, slug
        self.viewers = 0
        self._follower = LedgerFollower(folder)
        self._lock = threading.RLock()
        self._declared: tuple[int, Study] | None = None
        self._snapshot: Snapshot | None = None
        self._version = -1
        self._made = 0
        self._early: VerdictsRead | None = None
        self._judge_at = 0.0
        self._looked_at = 0.0
        self._pages: OrderedDict[tuple[str, ...], tuple[int, str]] = OrderedDict()

    @property
    def version(self) -> int:
        """The number of the last entry seen."""
        return self._version

    @property
    def made(self) -> int:
        """How often there was something new to show; pages say which of these they show."""
        return self._made

    @property
    def has_begun(self) -> bool:
        """Whether there may be something to show: a study without a ledger was never run."""
        return not (self.folder / STUDY_FILE).is_file() or (self.folder / LEDGER_FILE).is_file()

    def snapshot(self) -> Snapshot:
        """The study now, at most half a second old.

        Raises:
            ProveoutError: study.toml or the ledger cannot be read, or there is no ledger yet.
        """
        with self._lock:
            began = time.monotonic()
            if self._snapshot is not None and began - self._looked_at < _FRESH_SECONDS:
                return self._snapshot
            study = self._study()
            sequence, at_work = self._follower.advance(), is_at_work(self.folder)
            known = self._snapshot
            if known is None or sequence != self._version or known.study is not study:
                history = self._follower.history()
                early = history.verdicts is None and self._early is not None
                if early:
                    history = replace(history, verdicts=self._early)
                history = in_own_sense(study, history)
                fault = self._follower.check.why
                self._snapshot = Snapshot(study, history, time.time(), at_work, fault, early)
                self._version = sequence
                self._made += 1  # study.toml may have changed where the ledger has not
            elif known.at_work is not at_work:
                self._snapshot = replace(known, at=time.time(), at_work=at_work)
                self._made += 1
            elif known.running:
                self._snapshot = replace(known, at=time.time())
            self._looked_at = time.monotonic()
            assert self._snapshot is not None
            return self._snapshot

    def judge_early(self) -> None:
        """Judges a study that has no verdicts on record yet: those come every thirty trials.

        For the eye alone, and in a small part of the time.
        """
        with self._lock:
            known = self._snapshot
            if known is None or time.monotonic() < self._judge_at:
                return
            study, history = known.study, self._follower.history()
        judged = self._early.trials_finished if self._early else 0
        if history.verdicts is not None or history.finished_trials == judged:
            return
        began = time.monotonic()
        verdicts = judge(study, history)
        with self._lock:
            self._early, self._version = verdicts, -1  # what is shown is made anew
            self._judge_at = time.monotonic() + (time.monotonic() - began) / _JUDGING_SHARE

    def page(self, key: tuple[str, ...], make: Callable[[Snapshot], str]) -> str:
        """A page of the present version, made anew only where nobody has asked for it yet."""
        with self._lock:
            snapshot = self.snapshot()
            kept = self._pages.get(key)
            if kept is not None and kept[0] == self._made:
                self._pages.move_to_end(key)
                return kept[1]
            made = make(snapshot)
            self._pages[key] = (self._made, made)
            while len(self._pages) > _KEPT_PAGES:
                self._pages.popitem(last=False)
            return made

    def close(self) -> None:
        """Lets go of the ledger."""
        self._follower.close()

    def _study(self) -> Study:
        stamp = (self.folder / STUDY_FILE).stat().st_mtime_ns
        if self._declared is None or self._declared[0] != stamp:
            self._declared = (stamp, read_study(self.folder))
        return self._declared[1]


def find_studies(folder: Path, others: int = 0) -> list[LiveStudy]:
    """The study in a folder, or those in the folders right below it.

    Raises:
        UserError: there is none, and no `others` to be shown.
    """
    if (folder / STUDY_FILE).is_file():
        return [LiveStudy(folder, folder.resolve().name)]
    below = sorted(file.parent for file in folder.glob(f"*/{STUDY_FILE}"))
    if not below and not others:
        raise UserError(
            f"{folder} holds no study: there is no {STUDY_FILE} in it nor in the folders below it. "
            "Name a study's folder, or one that holds studies"
        )
    return [LiveStudy(each, each.name) for each in below]


def snapshot_or_why(live: LiveStudy) -> tuple[Snapshot | None, str]:
    """A study's snapshot, or why there is none."""
    try:
        return live.snapshot(), ""
    except (ProveoutError, OSError) as error:
        return None, str(error)
