"""The embedded model: answers any prompt with blind edits of the program in it.

It is no language model. It reads nothing but the last fenced program of the prompt, and other
programs there and in its archive as parts to take over; what the prompt asks for it does not
understand. It needs no key, no network and no accelerator, and the same arguments bring the same
answer, so a whole recursion can be run, tested and repeated with it. An improver that does well
with it makes good use of many cheap, poor proposals; whether it would with a language model has to
be measured with one.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from proveout.improve._graft import related
from proveout.improve._model import Model, Most, Samples
from proveout.improve._mutate import mutate
from proveout.improve._program import (
    LONGEST_PROGRAM_BYTES,
    Program,
    fenced,
    fenced_programs,
    read_program,
)

LONGEST_PROMPT = 400_000
"""Characters of a prompt that are read, from its end."""
_MOST_DONORS = 32
_PROSE = "There is no program in the prompt that I can edit: I only edit Python in fences."
_CHARACTERS_PER_TOKEN = 4


class EmbeddedModel(Model):
    """Edits programs by their syntax trees; see the module."""

    def __init__(self, archive: Sequence[str] = ()) -> None:
        """`archive`: programs whose parts may be taken over, such as other improvers."""
        self._archive = _readable(archive[-_MOST_DONORS:])

    @property
    def name(self) -> str:
        return "embedded"

    def most(self, prompt: str, count: int) -> Most:
        """It costs nothing but its own time; its tokens are counted as a language model's are."""
        characters = len(prompt) + count * (LONGEST_PROGRAM_BYTES + len(_PROSE))
        return Most(characters // _CHARACTERS_PER_TOKEN)

    def sample(self, prompt: str, count: int, temperature: float, seed: int) -> Samples:
        """`count` replies, each with one edited program in a fence, or prose where there is none.

        Sample i depends on the programs in the prompt, the temperature, `seed` and i alone, not
        on the prompt's other words: two improvers with the same seed meet the same luck.
        """
        programs = fenced_programs(prompt[-LONGEST_PROMPT:])
        program = read_program(programs[-1]) if programs else None
        if program is None:
            texts = (_PROSE,) * max(0, count)
        else:
            others = [*_readable(programs[-_MOST_DONORS - 1 : -1]), *self._archive]
            donors = related(program, others)
            texts = tuple(
                _reply(program, Random(f"{seed}/{index}"), temperature, donors)
                for index in range(count)
            )
        tokens = sum(len(text) for text in texts) // _CHARACTERS_PER_TOKEN
        return Samples(texts, len(prompt) // _CHARACTERS_PER_TOKEN, tokens, 0.0)


def _readable(texts: Sequence[str]) -> list[Program]:
    found = (read_program(text) for text in texts)
    return [program for program in found if program is not None]


def _reply(program: Program, rng: Random, temperature: float, donors: Sequence[Program]) -> str:
    edit = mutate(program.text, rng, temperature, donors)
    if edit is None:
        return _PROSE
    return f"An edit, made without understanding ({edit.note}):\n\n{fenced(edit.text)}\n"
