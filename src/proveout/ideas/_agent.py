"""A coding agent as a source: a command that edits the program; its diff is the idea."""

from __future__ import annotations

import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proveout.errors import IdeaError, UserError
from proveout.ideas._idea import Proposal
from proveout.ideas._llm_answer import check_words, name_from, read_header
from proveout.ideas._llm_prompt import brief
from proveout.ideas._novelty import check_parses, fingerprint
from proveout.ideas._reading import edited, folder_texts
from proveout.ideas._source import Cost, Evidence, Offer, Source, free_name
from proveout.ideas._texts import is_editable, patch_between
from proveout.study import AgentCommand, Study

BRIEF_FILE = "BRIEF.md"
IDEA_FILE = "IDEA.md"
_BRIEF_BYTES = 60_000
_LONGEST_IDEA_FILE = 20_000
_SHORTEST_SECRET = 8


@dataclass(frozen=True)
class JobEnd:
    """How an agent's command ended."""

    ended_by: str
    """`itself`, or the limit that ended it."""
    code: int | None
    log: str
    """The end of what it printed."""


class Workplace(ABC):
    """Where an agent works: a folder of its own, in the confinement of a trial."""

    @abstractmethod
    def prepare(self, ask: int) -> Path:
        """A fresh folder with the baseline program in it."""

    @abstractmethod
    def run(self, ask: int, argv: tuple[str, ...], environment: Mapping[str, str]) -> JobEnd:
        """Runs a command in the folder of an ask, with so much more in its environment."""

    @abstractmethod
    def runs_of(self, ask: int) -> int:
        """How often a command was started for an ask, by this controller or an earlier one."""

    @abstractmethod
    def clear(self, ask: int, secrets: Sequence[str] = ()) -> None:
        """Removes the folder; the log stays, without the secrets."""

    @abstractmethod
    def close(self) -> None:
        """Ends what runs."""


class AgentSource(Source):
    """Runs the agent that a study names, one idea at a time."""

    name = "agent"
    slow = True

    def __init__(self, study: Study, declared: AgentCommand, workplace: Workplace) -> None:
        """Raises `UserError` where a variable that the agent is to be given is not set."""
        super().__init__(declared.most)
        self._study, self._declared, self._workplace = study, declared, workplace
        missing = [name for name in declared.environment if name not in os.environ]
        if missing:
            raise UserError(
                f"[ideas.agent] is to be given {', '.join(missing)}, which is not set in the "
                "environment: export it, or take it out of ideas.agent.environment"
            )
        self._given = {name: os.environ[name] for name in declared.environment}

    def propose(self, evidence: Evidence, count: int) -> Offer:
        """What the agent left in its folder, as one idea."""
        price, budget = self._declared.price or 0.0, self._declared.budget
        spent = evidence.usd.get(self.name, 0.0) + self.cost_of(evidence.ask).usd
        if budget is not None and spent + price > budget + 1e-9:
            return Offer(trouble=f"its budget is spent: {spent:.2f} of {budget:.2f} USD")
        work = self._workplace.prepare(evidence.ask)
        (work / BRIEF_FILE).write_text(brief(evidence, _BRIEF_BYTES), encoding="utf-8")
        before = folder_texts(work)
        argv = tuple(shlex.split(self._declared.command))
        ended = self._workplace.run(evidence.ask, argv, self._given)
        try:
            return Offer((self._proposal(evidence, work, before),))
        except IdeaError as error:
            how = "" if ended.code == 0 else f" (it was ended by {ended.ended_by}, {ended.code})"
            return Offer(trouble=f"{error}{how}")
        finally:
            self._workplace.clear(evidence.ask, self._secrets)

    def cost_of(self, ask: int) -> Cost:
        runs = self._workplace.runs_of(ask)
        return Cost(usd=runs * (self._declared.price or 0.0), calls=runs)

    def close(self) -> None:
        self._workplace.close()

    def _proposal(self, evidence: Evidence, work: Path, before: dict[str, str]) -> Proposal:
        words, settings = read_header(_idea_file(work))
        check_words(words)
        after = folder_texts(work)
        changed = {
            path: text
            for path, text in edited(before, after).items()
            if path not in {BRIEF_FILE, IDEA_FILE}
            and is_editable(path, self._study.program.editable)
        }
        patch = patch_between(evidence.files, changed)
        self._check_secrets(" ".join([patch, *words.values(), *map(str, settings.values())]))
        check_parses(changed)
        found = fingerprint(evidence.files, changed, settings)
        if not found:
            raise IdeaError("the agent changed nothing that a run could show")
        if found in evidence.known:
            raise IdeaError(f"its change is the same as {evidence.known[found]}")
        name = name_from(words.get("IDEA") or words["HYPOTHESIS"], self.name)
        return Proposal(
            name=free_name(evidence, name),
            hypothesis=words["HYPOTHESIS"],
            source=f"coding agent {shlex.split(self._declared.command)[0]}",
            predicts=words["PREDICTS"],
            patch=patch,
            parameters=settings,
            reason=words.get("WHY", ""),
            origin=self.name,
        )

    @property
    def _secrets(self) -> tuple[str, ...]:
        return tuple(value for value in self._given.values() if len(value) >= _SHORTEST_SECRET)

    def _check_secrets(self, text: str) -> None:
        for name, value in self._given.items():
            if value in self._secrets and value in text:
                raise IdeaError(f"its idea holds the value of {name}, which no record may")


def _idea_file(work: Path) -> str:
    file = work / IDEA_FILE
    if file.is_symlink() or not file.is_file():
        raise IdeaError(f"the agent left no {IDEA_FILE}")
    with file.open("rb") as stream:
        return stream.read(_LONGEST_IDEA_FILE).decode(errors="replace")
