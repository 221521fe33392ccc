"""A study's pattern against the lines that a program wrote, in a process that can be ended.

Expressions of Python backtrack: one line of a thousand digits keeps `(\\d+).*?(\\d+).*?loss` busy
for hours. The pattern is the user's, who did not think of that; the line is the program's, which
may have.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from typing import Any, Literal

_SEARCH = """
import json, re, sys
pattern, most, how = re.compile(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
lines = (line[:most] for line in sys.stdin.buffer.read().decode(errors="replace").splitlines())
if how == "first":
    found = [m.groupdict() for m in map(pattern.search, lines) if m]
else:
    found = [m[1] for line in lines for m in pattern.finditer(line)]
json.dump(found[-100_000:], sys.stdout)
"""


@lru_cache(maxsize=4)
def search_lines(
    pattern: str,
    text: bytes,
    how: Literal["first", "all"],
    longest_line: int,
    most_seconds: float,
) -> tuple[Any, ...] | None:
    """What a pattern finds in each line of a text, of which only the beginning counts.

    Args:
        pattern: a regular expression.
        text: what a program wrote.
        how: `first` for the named groups of the first match in a line, a dict for each; `all` for
            the first group of every match.
        longest_line: characters.
        most_seconds: after which it is given up.

    Returns:
        The last 100,000 of them, or None where the pattern came to no end.
    """
    command = [sys.executable, "-I", "-S", "-c", _SEARCH, pattern, str(longest_line), how]
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, timeout=most_seconds, check=True
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return None
    return tuple(json.loads(done.stdout))
