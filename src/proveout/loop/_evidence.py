"""What a study knows, put together for a source of ideas."""

from __future__ import annotations

from statistics import fmean

from proveout.ideas import BASELINE, Evidence, Idea, Tried, texts_at
from proveout.ledger import History, Verdict
from proveout.loop._admit import fingerprint_of
from proveout.loop._open import repository_of
from proveout.study import Study
from proveout.trials import tail, trial_folder
from proveout.verdicts import judge, origin_of, room_for_ideas

_LOG_CHARACTERS = 3000


class Library:
    """Evidence for one study; what never changes of it is read once."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._patches: dict[str, str] = {}
        self._files: dict[str, str] | None = None

    def evidence(self, history: History, ask: int) -> Evidence:
        """The evidence as it stands."""
        study = self._study
        if self._files is None:
            self._files = texts_at(repository_of(study), history.baseline.commit)
        verdicts = {each.idea: each for each in judge(study, history).verdicts}
        ideas = [idea for idea in history.ideas.values() if idea.kind == "idea"]
        losses = self._losses(history)
        usd: dict[str, float] = {}
        for answer in history.answers:
            usd[answer.source] = usd.get(answer.source, 0.0) + answer.usd
        return Evidence(
            study=study,
            files=self._files,
            tried=tuple(self._tried(history, idea, verdicts.get(idea.name)) for idea in ideas),
            refused=tuple((each.name, each.reason) for each in history.refused),
            losses=losses,
            smallest=study.policy.smallest_gap * abs(losses[-1][1]) if losses else 0.0,
            left=room_for_ideas(study, history),
            ask=ask,
            known={fingerprint_of(study, history, idea): idea.name for idea in ideas},
            usd=usd,
        )

    def _losses(self, history: History) -> tuple[tuple[float, float], ...]:
        rungs = range(len(self._study.rungs))
        there = {rung: history.losses(BASELINE, rung) for rung in rungs}
        return tuple(
            (self._study.rung(rung).compute.amount, fmean(losses.values()))
            for rung, losses in there.items()
            if losses
        )

    def _tried(self, history: History, idea: Idea, verdict: Verdict | None) -> Tried:
        failures = history.failures(idea.name)
        charged = sum(
            record.charged for trial, record in history.trials.items() if trial.idea == idea.name
        )
        return Tried(
            name=idea.name,
            origin=origin_of(idea),
            hypothesis=idea.hypothesis,
            predicts=idea.predicts,
            parameters=idea.parameters,
            patch=self._patch(history, idea),
            parents=idea.parents,
            members=idea.members,
            verdict=verdict.verdict if verdict else "undecided",
            gap=verdict.gap_at_target if verdict else None,
            interval80=verdict.interval80 if verdict else None,
            probability_helps=verdict.probability_helps if verdict else None,
            measured=verdict.measured if verdict else (),
            failures=tuple(f"{failure.kind}: {failure.sentence}" for failure in failures),
            log=self._log(history, idea) if failures else "",
            withdrawn=history.withdrawn.get(idea.name, ""),
            charged=charged,
        )

    def _patch(self, history: History, idea: Idea) -> str:
        if idea.commit not in self._patches:
            repository, baseline = repository_of(self._study), history.baseline.commit
            self._patches[idea.commit] = repository.diff(baseline, idea.commit, settings=False)
        return self._patches[idea.commit]

    def _log(self, history: History, idea: Idea) -> str:
        for trial, record in sorted(history.trials.items()):
            if trial.idea == idea.name and record.failure is not None:
                return tail(trial_folder(self._study, trial).log)[-_LOG_CHARACTERS:]
        return ""
