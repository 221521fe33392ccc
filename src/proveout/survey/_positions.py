"""Arguments that a program takes by their position: `./main 16 500 1`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from proveout.survey._builds import Start
from proveout.survey._literals import plain
from proveout.survey._records import Parameter
from proveout.survey._roles import is_setting


def words_by_position(start: Start, text: str) -> list[Parameter]:
    """The words of the command as it was found, where all of them are plain, with what each is
    called: in the usage that the source prints, by the variable that takes it, or by the variable
    of a Makefile that gives it. By their numbers, `argument2`, they can be named as well."""
    words = start.arguments
    if any(word.startswith("-") or "=" in word for word in words):
        return []
    file = re.escape(PurePosixPath(start.entry).name)
    usage = re.search(rf"usage:?\s+(?:\w+ )?\S*{file}((?: [\[<]?\w+[\]>]?)+)", text, re.I)
    shown = re.findall(r"\w+", usage[1].lower()) if usage else []
    taken = _taken(text)
    found: dict[str, Parameter] = {}
    for number, word in enumerate(words, start=1):
        numbered = f"argument{number}"
        given = start.called[number - 1] if start.called else ""
        usual = shown[number - 1] if number <= len(shown) else ""
        names = [each for each in (usual, taken.get(number, ""), given, numbered) if each]
        name = next((each for each in names if is_setting(each, plain(word))), names[0])
        name = numbered if name in found else name
        found[name] = Parameter(name, "positional", numbered, plain(word), False, start.entry,
                                given=True)  # fmt: skip
    return list(found.values())


def _taken(text: str) -> dict[int, str]:
    """By its number, the variable that takes an argument: `steps = int(sys.argv[2])`; what seeds a
    generator is a seed."""
    main = re.search(r"\bmain\s*\([^,)]*,[^,)]*?(\w+)\s*(?:\[\s*\])?\s*[,)]", text)
    array = r"sys\.argv|argv" if main is None else re.escape(main[1])
    return {
        int(number): name or "seed"
        for name, number in re.findall(
            rf"(?:\b(\w+)\s*=|seed\w*\s*\(|srand\w*\s*\()\s*(?:[\w.:]+\s*\()?\s*(?:{array})\[(\d+)\]",
            text,
        )
    }
