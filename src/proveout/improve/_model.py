"""What an improver may ask for new programs: one interface, many models behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True)
class Samples:
    """What one request to a model brought, and what it cost."""

    texts: tuple[str, ...]
    """One reply a sample; programs in them stand in fences."""
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0


@dataclass(frozen=True)
class Most:
    """What a request can cost at most."""

    tokens: int = 0
    usd: float = 0.0


class Model(ABC):
    """Answers prompts. The same arguments bring the same replies, as far as the model can."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What stands in the records: `embedded`, `replay`, or the name of a language model."""

    @abstractmethod
    def sample(self, prompt: str, count: int, temperature: float, seed: int) -> Samples:
        """`count` replies to a prompt of at most the caller's size; `seed` is the only luck in it.

        Raises:
            SolutionFailed: the model gave no reply; `kind` is `no answer`.
        """

    def most(self, prompt: str, count: int) -> Most:
        """What `sample` can cost at most, which is charged before it is called; nothing, unless a
        model says otherwise."""
        return Most()
