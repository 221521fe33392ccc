"""What study.toml says of the sources of ideas: sampler, recombination, language model, agent."""

from __future__ import annotations

import math
import shlex
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from proveout.study._part import Bytes, Part, Seconds, with_unit
from proveout.units import parse_usd

Usd = Annotated[float, with_unit(parse_usd)]


class Range(Part):
    """What one program parameter may be: between two numbers, or one of a list."""

    low: float | None = None
    high: float | None = None
    log: bool = False
    """Whether factors matter rather than differences."""
    whole: bool = False
    """Whole numbers only."""
    choices: tuple[bool | int | float | str, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Range:
        if self.choices:
            if self.low is not None or self.high is not None:
                raise ValueError("give choices, or low and high, not both")
            return self
        if self.low is None or self.high is None:
            raise ValueError("needs low and high, or choices")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"low must be below high, both finite; got {self.low}, {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"with log = true, low must be above zero; got {self.low}")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("with whole = true, low and high must be whole numbers")
        return self


class Sampler(Part):
    """A numeric sampler over program parameters."""

    method: Literal["tpe", "cmaes", "sobol"] = "tpe"
    parameters: dict[str, Range] = Field(min_length=1)
    """The ranges, by the names in program.parameters."""
    most: int = Field(default=64, ge=1)
    """Ideas that it may hand in, in all."""


class Recombination(Part):
    """Merges of promising ideas, and one idea's settings made stronger or weaker."""

    most: int = Field(default=32, ge=1)


class AgentCommand(Part):
    """A coding agent: any command that edits the files of the folder it is started in."""

    command: str
    network: bool = False
    """Whether it may use the network."""
    reads: tuple[str, ...] = ()
    """Files and folders, relative to study.toml, that it may read beside the program and what its
    command names: where the agent is installed, and its settings."""
    environment: tuple[str, ...] = ()
    """Names of environment variables that it is given, such as the one with its key."""
    wall_time: Seconds = 900.0
    memory: Bytes = 4 * 1024**3
    disk: Bytes = 1000**3
    price: Usd | None = None
    """What one call is reckoned to cost."""
    budget: Usd | None = None
    """What all its calls may cost; needs `price`."""
    most: int = Field(default=16, ge=1)

    @field_validator("command")
    @classmethod
    def _splits(cls, command: str) -> str:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise ValueError(f"the command cannot be split into words: {error}") from None
        if not words:
            raise ValueError("the command is empty")
        return command

    @model_validator(mode="after")
    def _priced(self) -> AgentCommand:
        if self.budget is not None and self.price is None:
            raise ValueError('a budget needs a price, as in price = "0.5 USD" for one call')
        return self


class Improver(Part):
    """A program that improves programs, run on the one under research; its model is `[llm]`'s."""

    name: str
    """A strategy of the library, or a file beside study.toml."""
    samples: int = Field(default=8, ge=1, le=1000)
    """Replies of the model that it may have for one idea."""
    utility_calls: int = Field(default=24, ge=1, le=10_000)
    """Candidates that it may have looked at for one idea."""
    wall_time: Seconds = 900.0
    """Of one run of it, with all that it asks for."""
    most: int = Field(default=32, ge=1)


class TokenPrice(Part):
    """USD for a million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class LanguageModel(Part):
    """A language model as a source of ideas, with an account of its own."""

    model: str
    """`openai:NAME`, `anthropic:NAME`, `google-gla:NAME`; with base_url any name it knows."""
    budget: Usd
    """What all calls together may cost; no call is made that could break it."""
    base_url: str | None = None
    """A server that speaks the OpenAI chat protocol: vLLM, Ollama, llama.cpp."""
    key: str | None = None
    """The name of the environment variable with the key; never the key itself."""
    price: TokenPrice | None = None
    """Looked up where it is known and left out; needed with base_url."""
    max_output_tokens: int = Field(default=8000, ge=16)
    prompt_bytes: int = Field(default=120_000, ge=4000)
    """The longest prompt; evidence is left out from the oldest on to fit."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    timeout: Seconds = 180.0
    tries: int = Field(default=3, ge=1, le=10)
    """Calls for one answer, where a server fails."""
    cached_only: bool = False
    """Answer from the calls on disk alone: a replay that costs nothing."""
    most: int = Field(default=64, ge=1)

    @field_validator("key")
    @classmethod
    def _is_a_name(cls, key: str | None) -> str | None:
        if key is not None and not (key.isidentifier() and key == key.upper()):
            raise ValueError(
                "must be the name of an environment variable such as OPENAI_API_KEY; a key itself "
                "does not belong in study.toml"
            )
        return key

    @model_validator(mode="after")
    def _priced(self) -> LanguageModel:
        if self.base_url is not None and self.price is None:
            raise ValueError(
                "with base_url the price is not known; give it, as in "
                "price = { input = 0, output = 0 } for a server of your own"
            )
        if self.base_url is None and ":" not in self.model:
            raise ValueError(
                f"{self.model!r} names no provider; write for example openai:{self.model}, or give "
                "base_url"
            )
        return self
