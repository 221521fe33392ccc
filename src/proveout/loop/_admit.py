"""Makes a proposal an idea of the study, whichever source it comes from, or refuses it."""

from __future__ import annotations

from dataclasses import replace

from proveout.errors import IdeaError
from proveout.ideas import BASELINE, Idea, Proposal, changed_texts, fingerprint, texts_at
from proveout.ledger import History, IdeaAdded, IdeaRefused
from proveout.loop._open import add_idea, changed_lines, repository_of
from proveout.study import Study

_TRUSTED_TO_REPEAT = frozenset({"catalog", "people"})
"""A person may want the same change twice, as a control; a machine that does wastes compute."""


def admit(
    study: Study, history: History, proposal: Proposal, request: str = ""
) -> IdeaAdded | IdeaRefused:
    """The event for a proposal; the caller records it."""
    if proposal.name in history.ideas:
        reason = f"there is an idea {proposal.name!r} already; give it another name"
        return IdeaRefused(proposal.name, reason, proposal.origin, request)
    try:
        event = _made(study, history, proposal)
    except IdeaError as error:
        event = IdeaRefused(proposal.name, str(error), proposal.origin)
    if isinstance(event, IdeaAdded) and proposal.origin not in _TRUSTED_TO_REPEAT:
        same = known_as(study, history, event.idea)
        reason = f"it is the same change as {same}, blanks and comments aside"
        event = IdeaRefused(proposal.name, reason, proposal.origin) if same else event
    return replace(event, request=request)


def _made(study: Study, history: History, proposal: Proposal) -> IdeaAdded | IdeaRefused:
    if proposal.merges:
        return _merged(study, history, proposal)
    return add_idea(study, history.baseline, proposal)


def _merged(study: Study, history: History, proposal: Proposal) -> IdeaAdded:
    for name in proposal.merges:
        if name not in history.ideas:
            raise IdeaError(f"{proposal.name!r} merges {name!r}, which is no idea of this study")
    repository, baseline = repository_of(study), history.baseline
    first, *others = (history.ideas[name] for name in proposal.merges)
    commit = first.commit
    for other in others:
        commit = repository.merge(commit, other.commit, proposal.name, kind="ideas")
    members = tuple(
        dict.fromkeys(m for name in proposal.merges for m in _members(history.ideas[name]))
    )
    diff = repository.diff(baseline.commit, commit)
    return IdeaAdded(
        Idea(
            name=proposal.name,
            kind="idea",
            commit=commit,
            parent=baseline.commit,
            hypothesis=proposal.hypothesis,
            source=proposal.source,
            predicts=proposal.predicts,
            category=proposal.category,
            parameters=repository.parameters(commit),
            members=members,
            reason=proposal.reason,
            origin=proposal.origin,
            parents=proposal.merges,
        ),
        diff_lines=changed_lines(diff),
    )


def _members(idea: Idea) -> tuple[str, ...]:
    return idea.members or (idea.name,)


def known_as(study: Study, history: History, idea: Idea) -> str:
    """The earlier idea, or the baseline, that makes the same change; empty if none does."""
    mine = fingerprint_of(study, history, idea)
    if not mine:
        return BASELINE
    others = (each for each in history.ideas.values() if each.kind == "idea")
    same = (o.name for o in others if fingerprint_of(study, history, o) == mine)
    return next(same, "")


_FINGERPRINTS: dict[tuple[str, str], str] = {}
"""By study and commit: commits never change, so each is looked at once."""


def fingerprint_of(study: Study, history: History, idea: Idea) -> str:
    """What an idea changes, as a hash: the same for two that change the same."""
    at = (str(study.folder), idea.commit)
    if at not in _FINGERPRINTS:
        repository, baseline = repository_of(study), history.baseline.commit
        changed = changed_texts(repository, baseline, idea.commit)
        before = texts_at(repository, baseline) if changed else {}
        _FINGERPRINTS[at] = fingerprint(before, changed, idea.parameters)
    return _FINGERPRINTS[at]
