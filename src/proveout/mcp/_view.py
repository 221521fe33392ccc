"""What the tools answer: small pages of a study's records, and requests left for its controller.

Nothing here scores, spends or writes the ledger. Every answer comes from records that are on disk
when it is asked for; what takes time is left to the controller, and asked after with a handle.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proveout.errors import DataError, IdeaError, UserError
from proveout.ideas import BASELINE, Idea, check_words, patch_between, quoted, replaced, texts_at
from proveout.ledger import LEDGER_FILE, History, Verdict, VerdictsRead, read_history
from proveout.loop import Request, repository_of, submit, waiting
from proveout.study import Study, Value
from proveout.trials import tail, trial_folder
from proveout.verdicts import judge, origin_of, yields

PAGE_ITEMS = 20
PAGE_CHARACTERS = 6000
_PAGE_FILES = 200
_WORDS = 300
_LOG_CHARACTERS = 2000
_JUDGING_SHARE = 0.05
_SLOW_SECONDS = 0.2


class StudyView:
    """One study, read anew only where its ledger has changed."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._stamp: object = None
        self._history = History()
        self._verdicts: VerdictsRead | None = None
        self._judge_at = 0.0
        self._files: dict[str, str] | None = None

    def overview(self) -> dict[str, Any]:
        """Question, ladder, budget, counts, the best ideas and what each source yielded."""
        study, history = self._study, self._read()
        read = self._judged(history)
        account = history.account
        best = [each for each in (read.verdicts if read else ()) if each.rungs][:10]
        return {
            "name": study.name,
            "question": study.question,
            "metric": f"{study.score.metric}, to {study.score.goal}",
            "rungs": [str(rung.compute) for rung in study.rungs],
            "target": str(study.ladder.target),
            "editable": list(study.program.editable),
            "settings": dict(study.program.parameters),
            "budget": {
                "unit": study.budget.compute.unit,
                "budget": account.budget or study.budget.compute.amount,
                "charged": account.charged,
                "reserved": account.reserved,
            },
            "ideas": sum(idea.kind == "idea" for idea in history.ideas.values()),
            "trials_finished": history.finished_trials,
            "trials_running": sum(r.state == "running" for r in history.trials.values()),
            "requests_waiting": len(waiting(study)),
            "ended": history.ended.why if history.ended else None,
            "best": [_short(each) for each in best],
            "sources": [
                {"source": each.source, "ideas": each.ideas, "holds": each.holds,
                 "gain": each.gain, "charged": each.charged, "usd": each.usd}
                for each in (yields(study, history, read) if BASELINE in history.ideas else ())
            ],
        }  # fmt: skip

    def ideas(self, page: int, verdict: str) -> dict[str, Any]:
        """A page of ideas, the best first; `verdict` picks those with one."""
        history = self._read()
        read = self._judged(history)
        found = [each for each in (read.verdicts if read else ())
                 if verdict in {"", each.verdict}]  # fmt: skip
        shown = found[page * PAGE_ITEMS : (page + 1) * PAGE_ITEMS]
        rows = []
        for each in shown:
            idea = history.ideas[each.idea]
            words = {"hypothesis": idea.hypothesis[:_WORDS], "predicts": idea.predicts[:_WORDS]}
            rows.append(_short(each) | words | {"origin": origin_of(idea)})
        refused = [{"name": each.name, "reason": each.reason[:_WORDS]}
                   for each in history.refused[-5:]]  # fmt: skip
        return {"page": page, "pages": _pages(len(found)), "ideas": rows, "refused": refused}

    def program(self, path: str, page: int) -> dict[str, Any]:
        """The files of the baseline, or a page of one."""
        files = self._baseline_files()
        if not path:
            names = sorted(files)
            shown = names[page * _PAGE_FILES : (page + 1) * _PAGE_FILES]
            return {"page": page, "pages": -(-len(names) // _PAGE_FILES), "files": shown}
        if path not in files:
            raise UserError(f"there is no text file {path[:200]!r} in the baseline")
        return _page_of(files[path], page)

    def evidence(self, name: str) -> dict[str, Any]:
        """What is known of an idea: verdict, gaps by rung and seed, failures, the end of a log."""
        history = self._read()
        idea = self._idea(history, name)
        verdict = self._verdict_on(history, name)
        trials = [(t, r) for t, r in sorted(history.trials.items()) if t.idea == name]
        failed = [(t, r) for t, r in trials if r.failure is not None]
        log = tail(trial_folder(self._study, failed[0][0]).log) if failed else ""
        return {
            "name": name,
            "hypothesis": idea.hypothesis[:_WORDS],
            "predicts": idea.predicts[:_WORDS],
            "made_from": list(idea.parents or idea.members),
            "withdrawn": history.withdrawn.get(name),
            "verdict": _short(verdict) | {"why": verdict.why} if verdict else None,
            "gaps": [
                {"rung": str(self._study.rung(t.rung).compute), "seed": t.replicate + 1,
                 "loss": r.measurement.value,
                 "baseline": history.losses(BASELINE, t.rung).get(t.replicate)}
                for t, r in trials if r.measurement is not None
            ][:60],
            "running": sum(record.state == "running" for _, record in trials),
            "failures": [quoted(f"{r.failure.kind}: {r.failure.sentence}", _WORDS, "data")
                         for _, r in failed[:5] if r.failure],
            "log": quoted(log, _LOG_CHARACTERS, "data: what a program printed") if log else None,
        }  # fmt: skip

    def change(self, name: str, page: int) -> dict[str, Any]:
        """A page of an idea's diff."""
        idea = self._idea(self._read(), name)
        diff = repository_of(self._study).diff(idea.parent, idea.commit) if idea.parent else ""
        return _page_of(diff, page)

    def propose(
        self,
        name: str,
        words: Mapping[str, str],
        patch: str,
        edits: Sequence[tuple[str, str, str]],
        settings: Mapping[str, Value],
    ) -> dict[str, Any]:
        """Leaves an idea for the controller; the answer has the handle to ask after it."""
        check_words({"HYPOTHESIS": words["hypothesis"], "PREDICTS": words["predicts"]})
        if patch and edits:
            raise UserError("give a patch or edits, not both")
        if edits:
            patch = self._patch_of(edits)
        if not patch and not settings:
            raise UserError("the idea changes nothing: give edits, a patch or settings")
        request = Request(
            kind="add", name=name, origin="mcp", patch=patch, parameters=dict(settings),
            hypothesis=words["hypothesis"], predicts=words["predicts"],
            source=words.get("source", "") or "an agent through mcp", reason=words.get("why", ""),
        )  # fmt: skip
        request.proposal()
        if name in self._read().ideas:
            raise UserError(f"there is an idea {name!r} already; give it another name")
        return {"handle": submit(self._study, request), "idea": name}

    def request(self, handle: str) -> dict[str, Any]:
        """What came of a request."""
        outcome = self._read().requests.get(handle)
        if outcome is None and handle not in waiting(self._study):
            raise UserError(f"there is no request {handle[:60]!r}")
        state = "waiting" if outcome is None else "done"
        return {"handle": handle, "state": state, "outcome": outcome}

    def verdict(self, name: str, trials_seen: int) -> dict[str, Any]:
        """The verdict as it stands, and whether anything came in since so many trials."""
        history = self._read()
        self._idea(history, name)
        found = self._verdict_on(history, name)
        states = [r.state for trial, r in history.trials.items() if trial.idea == name]
        finished = sum(state in {"scored", "failed"} for state in states)
        final = history.ended is not None or name in history.withdrawn
        return {
            "name": name,
            "trials": finished,
            "changed": finished > trials_seen,
            "running": "running" in states,
            "final": final,
            "verdict": _short(found) | {"why": found.why} if found else None,
        }

    def _read(self) -> History:
        folder = self._study.folder
        stamp = tuple(_stat(folder / f"{LEDGER_FILE}{end}") for end in ("", "-wal"))
        if stamp != self._stamp:
            try:
                self._history = read_history(folder)
            except DataError:
                if (folder / LEDGER_FILE).exists():
                    raise
                self._history = History()
            self._stamp = stamp
        return self._history

    def _judged(self, history: History) -> VerdictsRead | None:
        """Verdicts as fresh as they can be had for a small part of the time."""
        if BASELINE not in history.ideas:
            return None
        there = [each for each in (self._verdicts, history.verdicts) if each is not None]
        latest = max(there, key=lambda each: each.trials_finished, default=None)
        known = {each.idea for each in latest.verdicts} if latest else set()
        lacks = any(name not in known for name in history.ideas if name != BASELINE)
        stale = latest is None or lacks or latest.trials_finished != history.finished_trials
        began = time.monotonic()
        if stale and began >= self._judge_at:
            latest = self._verdicts = judge(self._study, history)
            took = time.monotonic() - began
            self._judge_at = began + (took / _JUDGING_SHARE if took > _SLOW_SECONDS else 0.0)
        return latest

    def _verdict_on(self, history: History, name: str) -> Verdict | None:
        read = self._judged(history)
        return next((each for each in (read.verdicts if read else ()) if each.idea == name), None)

    def _baseline_files(self) -> dict[str, str]:
        if self._files is None:
            baseline = self._read().ideas.get(BASELINE)
            if baseline is None:
                raise UserError("the study has not begun; `proveout run` starts it")
            self._files = texts_at(repository_of(self._study), baseline.commit)
        return self._files

    def _patch_of(self, edits: Sequence[tuple[str, str, str]]) -> str:
        files = self._baseline_files()
        changed: dict[str, str | None] = {}
        for number, (path, search, replace) in enumerate(edits, start=1):
            text = changed.get(path, files.get(path))
            changed[path] = replaced(text, search, replace, path[:300], number)
        return patch_between(files, changed)

    def _idea(self, history: History, name: str) -> Idea:
        if name not in history.ideas:
            raise IdeaError(f"there is no idea {name[:60]!r}")
        return history.ideas[name]


def _short(verdict: Verdict) -> dict[str, Any]:
    return {
        "idea": verdict.idea,
        "verdict": verdict.verdict,
        "gap_at_target": verdict.gap_at_target,
        "interval80": verdict.interval80,
        "compute_multiplier": verdict.compute_multiplier,
        "rungs": verdict.rungs,
    }


def _pages(items: int) -> int:
    return max(1, -(-items // PAGE_ITEMS))


def _page_of(text: str, page: int) -> dict[str, Any]:
    pages = max(1, -(-len(text) // PAGE_CHARACTERS))
    shown = text[page * PAGE_CHARACTERS : (page + 1) * PAGE_CHARACTERS]
    return {"page": page, "pages": pages, "text": shown}


def _stat(file: Path) -> object:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
