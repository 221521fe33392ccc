"""Ideas: hypotheses with a change, kept as commits, and the sources that they come from."""

from proveout.ideas._agent import AgentSource, JobEnd, Workplace
from proveout.ideas._bandit import Arm, shares
from proveout.ideas._catalog import parse_value, read_catalog, read_proposal
from proveout.ideas._idea import BASELINE, STACK_PREFIX, Idea, Kind, Proposal, check_name
from proveout.ideas._llm import LanguageModelSource
from proveout.ideas._llm_answer import check_words, name_from, read_header, replaced
from proveout.ideas._llm_calls import (
    CallAccount,
    CallFailed,
    Message,
    Prices,
    Reply,
    key_of,
    without,
)
from proveout.ideas._llm_client import Client
from proveout.ideas._llm_prompt import facts
from proveout.ideas._novelty import check_parses, fingerprint
from proveout.ideas._reading import branch_texts, changed_texts, edited, folder_texts, texts_at
from proveout.ideas._recombination import RecombinationSource
from proveout.ideas._repository import ProgramRepository, check_overrides
from proveout.ideas._sampler import SamplerSource
from proveout.ideas._source import (
    SOURCES,
    Cost,
    Evidence,
    Offer,
    Repairing,
    Source,
    Tried,
    free_name,
)
from proveout.ideas._texts import patch_between, quoted

__all__ = [
    "BASELINE",
    "SOURCES",
    "STACK_PREFIX",
    "AgentSource",
    "Arm",
    "CallAccount",
    "CallFailed",
    "Client",
    "Cost",
    "Evidence",
    "Idea",
    "JobEnd",
    "Kind",
    "LanguageModelSource",
    "Message",
    "Offer",
    "Prices",
    "ProgramRepository",
    "Proposal",
    "RecombinationSource",
    "Repairing",
    "Reply",
    "SamplerSource",
    "Source",
    "Tried",
    "Workplace",
    "branch_texts",
    "changed_texts",
    "check_name",
    "check_overrides",
    "check_parses",
    "check_words",
    "edited",
    "facts",
    "fingerprint",
    "folder_texts",
    "free_name",
    "key_of",
    "name_from",
    "parse_value",
    "patch_between",
    "quoted",
    "read_catalog",
    "read_header",
    "read_proposal",
    "replaced",
    "shares",
    "texts_at",
    "without",
]
