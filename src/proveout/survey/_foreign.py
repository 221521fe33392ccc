"""What a program in a language other than Python takes."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from proveout.study import Value
from proveout.survey._builds import Start
from proveout.survey._constants import source_constants
from proveout.survey._files import Lying
from proveout.survey._literals import plain
from proveout.survey._loops import counted_loop
from proveout.survey._positions import words_by_position
from proveout.survey._records import Parameter
from proveout.survey._roles import is_knob, with_roles

_NUMBER = r"(-?\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?)"


def foreign_options(lying: Lying, start: Start) -> list[Parameter]:
    """What a program in another language takes: flags that it compares with, words by position as
    its usage names them, and settings in its source."""
    text = lying.sources[start.entry]
    found: list[Parameter] = []
    takes = start.words[0] != "sh" or len(start.words) > 3
    if takes:
        found += _go_flags(text, start.entry)
        flags = dict.fromkeys(re.findall(r"[\"'](--?[A-Za-z][\w-]*)[\"']", text))
        found += [Parameter(f.lstrip("-").replace("-", "_"), "flag", f, _default(f, lying, start),
                            False, start.entry)
                  for f in flags if not start.entry.endswith(".go")]  # fmt: skip
    if not found and takes:
        found += words_by_position(start, text)
    known = {each.name for each in found}
    found += [p for p in source_constants(text, start.entry) if p.name not in known]
    known |= {each.name for each in found}
    found += [p for name, beside in _compiled_with(lying, start.entry).items()
              for p in source_constants(beside, name)
              if is_knob(p.name) and p.name not in known]  # fmt: skip
    if not {each.role for each in with_roles(found)} & {"steps", "compute"}:
        loop = counted_loop(text, start.entry)
        found += [loop] if loop is not None else []
    return found


def _compiled_with(lying: Lying, entry: str) -> dict[str, str]:
    """The sources and headers in the folder of one that are no program of their own."""
    path = PurePosixPath(entry)
    kinds = {".go"} if path.suffix == ".go" else {".c", ".cc", ".cpp", ".h", ".hpp"}
    if path.suffix not in kinds:
        return {}
    return {name: text for name, text in lying.sources.items()
            if name != entry and PurePosixPath(name).parent == path.parent
            and PurePosixPath(name).suffix in kinds and not name.endswith("_test.go")
            and not re.search(r"\bmain\s*\(", text)}  # fmt: skip


_GO_FLAG = re.compile(
    r"\b(?:p?flag|Flags\(\))\.(?:Int|Int64|Uint|Uint64|Float64|String|Bool|Duration)(?:Var)?P?"
    r"\((?:\s*&[\w.\[\]]+\s*,)?\s*\"([\w.-]+)\"\s*,(?:\s*\"\w?\"\s*,(?=[^,]+,))?\s*([^,\n]+),"
)


def _go_flags(text: str, entry: str) -> list[Parameter]:
    """What Go's flag and pflag are told of: name and default."""
    return [
        Parameter(name.replace("-", "_").replace(".", "_"), "flag", f"--{name}",
                  plain(default.strip().strip('"')), False, entry, style="equals")
        for name, default in _GO_FLAG.findall(text)
    ]  # fmt: skip


def _default(flag: str, lying: Lying, start: Start) -> Value | None:
    """What a flag is where it is not given: beside it in the source, `arg("--steps", 400)`, or in a
    variable of its name, in the source or a header beside it."""
    text = lying.sources[start.entry]
    beside = re.search(rf"[\"']{re.escape(flag)}[\"']\s*,\s*{_NUMBER}\s*[,)]", text)
    if beside:
        return plain(beside[1].replace("_", ""))
    here = PurePosixPath(start.entry).parent
    headers = [each for name, each in lying.sources.items()
               if name.endswith((".h", ".hpp")) and PurePosixPath(name).parent == here]  # fmt: skip
    name = flag.lstrip("-").replace("-", "_")
    assigned = re.compile(rf"\b{name}\s*(?:=|<-|:=)\s*{_NUMBER}\b(?![.\w])")
    told = {value for each in [text, *headers] for value in assigned.findall(each)}
    return plain(told.pop().replace("_", "")) if len(told) == 1 else None
