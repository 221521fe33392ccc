"""A folder of pages that a person writes in too: which are ours, what of them is the person's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proveout.errors import UserError
from proveout.report._files import write_whole
from proveout.report._notebook_text import digest, fold, page_name

LINE = "<!-- proveout: what stands below this line is yours and is kept -->"

_INVITATION = "*Yours is what you write below: what is above is written anew with each report.*"

_STUDY, _PAGE = "proveout", "proveout-page"
_OURS = (_STUDY, _PAGE, "study", "verdict", "gap", "compute-multiplier", "tags", "aliases")
_HEAD_BYTES = 65_536
_PROPERTY = re.compile(r"([^\s#-][^:]*):")
_UNLINKABLE = frozenset("[]|#^")


@dataclass(frozen=True)
class Page:
    """A page as it is to stand."""

    key: str
    """Which page of the study it is; it keeps that when a person gives it another name."""
    title: str
    lines: list[str]
    properties: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    path: Path
    key: str
    properties: list[str]
    """Those that a person added, a line each as they stand."""
    tags: tuple[str, ...]
    notes: bytes


class Folder:
    """The pages of one study in a folder."""

    def __init__(self, path: Path, study_id: str, study_name: str) -> None:
        """Reads what lies in the folder, if it is there. Raises UserError where it is a file."""
        if path.exists() and not path.is_dir():
            raise UserError(f"{path} is a file; name a folder for the notebook's pages")
        self._path, self._id, self._study_name = path, study_id, study_name
        found = [_read(file, study_id) for file in sorted(path.glob("*.md"))]
        self._found: dict[str, _Found] = {}
        for each in found:
            if each is not None:
                self._found.setdefault(each.key, each)
        self._taken: dict[str, str] = {}
        self._names: dict[str, str] = {}
        for key, each in self._found.items():
            self._taken[fold(each.path.stem)] = key

    def name(self, kind: str, text: str) -> str:
        """The page's name, the same each time: what links name.

        A page that is there keeps its name. A new one takes a name that no page of a person, of
        another study or of another kind has.
        """
        key = key_of(kind, text)
        if key not in self._names:
            there = self._found.get(key)
            self._names[key] = there.path.stem if there else self._free(kind, text, key)
            self._taken[fold(self._names[key])] = key
        return self._names[key]

    def _free(self, kind: str, text: str, key: str) -> str:
        wanted = page_name(text)
        study = page_name(self._study_name).encode()[:40].decode(errors="ignore").strip()
        apart = ("", kind, f"{kind}, {study}", f"{kind}, {self._id}", f"{kind}, {digest(key)[:12]}")
        for words in apart:
            name = f"{wanted} ({words})" if words else wanted
            file = self._path / f"{name}.md"
            if fold(name) not in self._taken and not file.is_symlink() and not file.exists():
                return name
        raise UserError(
            f"{self._path} has files of every name that the page {wanted!r} could take; move "
            "them, or name another folder"
        )

    def write(self, pages: Iterable[Page]) -> int:
        """Writes the pages that say something new; returns how many.

        Pages that the study has no longer are removed where a person has written nothing below
        their line, and left as they are where one has.
        """
        keys, written = set(), 0
        for page in pages:
            keys.add(page.key)
            found = self._found.get(page.key)
            path = found.path if found else self._path / f"{self._names[page.key]}.md"
            text = self._text(page, found)
            if not found or path.read_bytes() != text:
                write_whole(path, text)
                written += 1
        for key, found in self._found.items():
            if key not in keys and not (found.notes.strip() or found.properties or found.tags):
                found.path.unlink()
        return written

    def _text(self, page: Page, found: _Found | None) -> bytes:
        import yaml  # not at import: it is for the notebook alone

        properties = {_STUDY: self._id, _PAGE: page.key, **page.properties}
        tags = [*page.tags, *(found.tags if found else ())]
        # In a property, too, brackets would make a link.
        properties = {name: _unlinked(value) for name, value in properties.items()}
        properties |= {"tags": list(dict.fromkeys(tags))}
        front = yaml.safe_dump(properties, sort_keys=False, allow_unicode=True, width=10_000)
        own = found.properties if found else []
        lines = ["---", front.rstrip("\n"), *own, "---", "", f"# {page.title}", "", *page.lines]
        lines += [*([""] if lines[-1] else []), "---", "", _INVITATION, ""]
        above = "\n".join(lines).replace(LINE, LINE.replace("<!--", "<!"))
        return f"{above}\n{LINE}".encode(errors="replace") + (found.notes if found else b"\n")


def _unlinked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unlinked(each) for each in value]
    return value.replace("[", "(").replace("]", ")") if isinstance(value, str) else value


def key_of(kind: str, text: str) -> str:
    """Which page of a study is meant."""
    return f"{kind} {digest(text)[:12]}"


def _read(path: Path, study_id: str) -> _Found | None:
    """A page of ours; None of anything else, and of a page whose line a person took away."""
    if path.is_symlink() or not path.is_file() or set(path.stem) & _UNLINKABLE:
        return None
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    front = _front(head)
    properties = _parsed(front)
    if properties.get(_STUDY) != study_id:
        return None
    _, line, notes = path.read_bytes().partition(LINE.encode())
    key = properties.get(_PAGE)
    if not line or not isinstance(key, str):
        return None
    own = [each for each in _tags(properties.get("tags")) if not each.startswith("proveout/")]
    return _Found(path, key, _not_ours(front), tuple(own), notes)


def _front(head: bytes) -> list[str]:
    """The lines of the properties at the head of a page; none where there are none."""
    lines = head.decode("utf-8-sig", errors="replace").splitlines()
    if not lines or lines[0] != "---" or "---" not in lines[1:]:
        return []
    return lines[1 : lines.index("---", 1)]


def _parsed(front: list[str]) -> dict[str, Any]:
    """Properties with every value as the text that it is written as."""
    import yaml

    try:
        read = yaml.load("\n".join(front), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _tags(value: object) -> list[str]:
    """Tags as a list, or as editors also write them: words between commas."""
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _not_ours(front: list[str]) -> list[str]:
    """The lines of properties that a person added: kept as they stand, since reading and writing
    them anew would make `12:30` a number."""
    kept, ours = [], False
    for line in front:
        name = _PROPERTY.match(line)
        if name:
            ours = name[1].strip("\"'") in _OURS
        if not ours or line.startswith("#"):
            kept.append(line)
    return kept
