"""An improver as a source of ideas for a study: the program under research is its solution.

It is run as ever, shut in and counted. Its model is the study's; its utility is what can be known
of a candidate without training it: it costs no compute, and says nothing of how good an idea is.
"""

from __future__ import annotations

import difflib
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path

from proveout.errors import EnvironmentFailure, IdeaError, UserError
from proveout.ideas import (
    CallAccount,
    Cost,
    Evidence,
    Offer,
    Proposal,
    Source,
    check_parses,
    facts,
    fingerprint,
    free_name,
    name_from,
    patch_between,
    read_header,
)
from proveout.improve._attempts import Counts
from proveout.improve._book import Ended
from proveout.improve._chat import ChatModel
from proveout.improve._embedded import EmbeddedModel
from proveout.improve._meter import Budget
from proveout.improve._model import Model, Most, Samples
from proveout.improve._place import Place
from proveout.improve._program import LONGEST_PROGRAM_BYTES, fenced_programs
from proveout.improve._session import Given, Session
from proveout.improve._strategies import strategies
from proveout.study import Improver, Study

UNCHANGED, KNOWN, NEW = 0.25, 0.5, 0.75
"""What a candidate is worth that can be parsed; a new one is worth more, the smaller it is."""
_LINES = 10
_FACTS_BYTES = 24_000
_ASK = """\
Change the program so that it gains at the target scale: one idea, with a cause, in as few lines as
it can be. Begin your answer with these lines:

IDEA: short-name-in-lower-case
HYPOTHESIS: one sentence
PREDICTS: grows | steady | fades | reverses | nothing - how its gain changes with compute, and why

Looked at is whether the program can be parsed, whether it is new, and how few lines it changes."""


class ImproverSource(Source):
    """Has an improver change the one file that ideas may change."""

    name = "improver"
    slow = True

    def __init__(
        self, study: Study, declared: Improver, folder: Path, account: CallAccount | None = None
    ) -> None:
        """`folder` keeps the model's calls, and `account` pays for them; neither is needed where
        the study names no model and the embedded one answers.

        Raises:
            UserError: there is no such improver, or ideas may change more than one Python file.
        """
        super().__init__(declared.most)
        self._study, self._declared = study, declared
        self._source = _source_of(study, declared)
        self._path = _path_of(study)
        self._account = account
        self._model: Model = ChatModel(study.llm, folder, account) if study.llm else EmbeddedModel()
        self._closed = _Closing()

    def propose(self, evidence: Evidence, count: int) -> Offer:
        """At most `count` ideas, each from a run of its own."""
        solution = evidence.files.get(self._path, "")
        if not 0 < len(solution.encode()) <= LONGEST_PROGRAM_BYTES:
            return Offer(trouble=f"{self._path} is empty, or larger than {LONGEST_PROGRAM_BYTES} "
                                 "bytes, the most that an improver is given")  # fmt: skip
        if isinstance(self._model, ChatModel):
            self._model.ask = evidence.ask
        proposals: list[Proposal] = []
        look = _Look(evidence, self._path, solution, dict(evidence.known))
        trouble = ""
        scratch = self._study.folder / "sources" / "improver"
        shutil.rmtree(scratch, ignore_errors=True)  # of a controller that was killed
        try:
            with Place(scratch) as place:
                for number in range(count):
                    found = self._run(place, evidence, look, number)
                    proposals += [found] if isinstance(found, Proposal) else []
                    trouble = trouble if isinstance(found, Proposal) else found
        except Ended as ended:
            trouble = str(ended)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return Offer(tuple(proposals), trouble[:1000])

    def cost_of(self, ask: int) -> Cost:
        return self._account.cost_of(ask) if self._account else Cost()

    def close(self) -> None:
        self._closed.set()
        if isinstance(self._model, ChatModel):
            self._model.cancel()

    def _run(self, place: Place, evidence: Evidence, look: _Look, number: int) -> Proposal | str:
        """One run; the idea that came of it, or why there is none."""
        heard = _Heard(self._model)
        description = facts(evidence, _ASK, _FACTS_BYTES)
        samples = self._affordable(description + look.solution)
        if samples < 1:
            return "what is left of the model's budget does not pay for one more answer"
        budget = Budget(samples, self._declared.utility_calls, seconds=self._declared.wall_time)
        run = f"ask{evidence.ask}/{number}"
        session = Session(place, self._closed, heard, run, budget, Counts())
        luck = f"{self._study.seeds.key}/{self._study.name}/{run}"
        look.begin()
        try:
            outcome = session.run_improver(
                self._source, Given(look.solution, description, look, luck)
            )
        except EnvironmentFailure as failure:  # of the model, as a rule; what came before stands
            returned, why = look.best, str(failure)
        else:
            returned = look.best if outcome.returned is None else outcome.returned
            why = "" if outcome.ended == "returned" else f"{outcome.ended}: {outcome.why}"
        try:
            return self._proposal(evidence, look, heard, returned)
        except IdeaError as error:
            return f"{self._declared.name}: {why or error}"

    def _affordable(self, text: str) -> int:
        """Samples that the money left pays for, each at its most."""
        each_usd = self._model.most(text, 1).usd
        if self._account is None or each_usd <= 0:
            return self._declared.samples
        return min(self._declared.samples, int(self._account.left / each_usd))

    def _proposal(self, evidence: Evidence, look: _Look, heard: _Heard, program: str) -> Proposal:
        """Raises `IdeaError` where the program is no new idea."""
        program = program.rstrip("\n") + "\n"  # a fence brings lines of its own
        print_ = look.novel(program)
        words = heard.words.get(program.strip(), {})
        taken = frozenset(look.known.values())
        fallback = f"{Path(self._declared.name).stem} {evidence.ask}"
        name = free_name(evidence, name_from(words.get("IDEA") or fallback, self.name), taken)
        look.known[print_] = name
        by = f"improver {self._declared.name} with {self._model.name}"
        return Proposal(
            name=name,
            hypothesis=words.get("HYPOTHESIS") or f"a change that {by} made without a word",
            source=by,
            predicts=words.get("PREDICTS", ""),
            patch=patch_between(evidence.files, {self._path: program}),
            origin=self.name,
        )


@dataclass
class _Look:
    """The utility: what can be known of a candidate by looking at it."""

    evidence: Evidence
    path: str
    solution: str
    known: dict[str, str]
    """Names of ideas by the fingerprints of their changes; this ask's too."""
    best: str = ""
    _score: float = field(default=-1.0)

    def begin(self) -> None:
        """Another run starts: nothing was looked at in it."""
        self.best, self._score = self.solution, 0.0

    def __call__(self, candidate: str) -> float:
        score = self._worth(candidate)
        if score > self._score:
            self.best, self._score = candidate, score
        return score

    def novel(self, program: str) -> str:
        """The fingerprint of a change that nobody has made. Raises `IdeaError` for any other."""
        check_parses({self.path: program})
        found = fingerprint(self.evidence.files, {self.path: program}, {})
        if not found:
            raise IdeaError("the program came back with nothing changed that a run could show")
        if found in self.known:
            raise IdeaError(f"it is the same change as {self.known[found]}, tried already")
        return found

    def _worth(self, candidate: str) -> float:
        if len(candidate.encode(errors="replace")) > LONGEST_PROGRAM_BYTES:
            return 0.0
        try:
            check_parses({self.path: candidate})
        except IdeaError:
            return 0.0
        found = fingerprint(self.evidence.files, {self.path: candidate}, {})
        if not found or found in self.known:
            return KNOWN if found else UNCHANGED
        before, after = self.solution.splitlines(), candidate.splitlines()
        changed = sum(line[0] in "+-" for line in difflib.ndiff(before, after))
        return NEW + (1 - NEW) / (1 + changed / _LINES)


class _Heard(Model):
    """A model, and what it said of the programs that it wrote."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.words: dict[str, dict[str, str]] = {}

    @property
    def name(self) -> str:
        return self._model.name

    def most(self, prompt: str, count: int) -> Most:
        """See `Model`."""
        return self._model.most(prompt, count)

    def sample(self, prompt: str, count: int, temperature: float, seed: int) -> Samples:
        """See `Model`."""
        got = self._model.sample(prompt, count, temperature, seed)
        for text in got.texts:
            if programs := fenced_programs(text):
                try:
                    words, _ = read_header(text.split("`" * 3)[0])
                except IdeaError:  # a setting that sets nothing; settings are not taken here
                    continue
                self.words.setdefault(programs[-1].strip(), words)
        return got


class _Closing:
    """Stands where an improvement folder has its book: a study's account is the model's own."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def set(self) -> None:
        """The study ends."""
        self._closed.set()

    @property
    def seconds_left(self) -> float:
        """There is no end but the run's own."""
        return float("inf")

    def check(self) -> None:
        """Raises `Ended` where the study ends."""
        if self._closed.is_set():
            raise Ended("the study ended", left=True)

    def charge(self, run: str, call: int, request: str, samples: int, most: Most) -> None:
        """The account of the model charges each call."""
        self.check()

    def settle(self, run: str, call: int, request: str, most: Most, got: Samples) -> None:
        """Likewise."""


def _source_of(study: Study, declared: Improver) -> str:
    known = strategies()
    if declared.name in known:
        return known[declared.name]
    file = study.folder / declared.name
    if not file.is_file():
        raise UserError(
            f"[ideas] improver: there is no improver {declared.name!r}: no file {file}, and the "
            f"library has {', '.join(known)}"
        )
    return file.read_text(encoding="utf-8")


def _path_of(study: Study) -> str:
    editable = study.program.editable
    if len(editable) != 1 or not editable[0].endswith(".py") or "*" in editable[0]:
        raise UserError(
            "[ideas] improver needs a program with one editable file of Python; program.editable "
            f"is {list(editable)}. Name one file there, or leave the improver out"
        )
    return editable[0]
