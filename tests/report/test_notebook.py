"""The notebook: links lead to pages, a person's words stay, hostile text is only text."""

from __future__ import annotations

import csv
import os
import re
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from proveout.errors import UserError
from proveout.ideas import Idea
from proveout.ledger import History
from proveout.report import write_notebook
from proveout.report._notebook_files import LINE
from proveout.report._notebook_pages import papers_of
from proveout.report._notebook_text import diff_block, page_name, plain
from proveout.study import Study
from proveout.trials import Trial
from tests.report.conftest import (
    EFFECTS,
    HOSTILE,
    Maker,
    make_study,
    open_study,
    tell_history,
    tell_hostile_history,
)

LINK = re.compile(r"\[\[([^\]\[]+)\]\]")
FENCED = re.compile(r"^(`{3,})diff\n.*?^\1$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^---\n(.*?)\n---\n", re.DOTALL)


def write(maker: Maker, folder: Path, **diffs: str) -> int:
    return write_notebook(maker.study, maker.history(), maker.entries, diffs, folder)


def pages(folder: Path) -> dict[str, str]:
    return {file.stem: file.read_text(encoding="utf-8") for file in folder.glob("*.md")}


def links(text: str) -> set[str]:
    """What a page links, outside of its code."""
    return set(LINK.findall(FENCED.sub("", text)))


def front(text: str) -> dict[str, object]:
    found = CODE.match(text)
    assert found
    read = yaml.safe_load(found[1])
    assert isinstance(read, dict)
    return read


def cards(folder: Path) -> list[list[str]]:
    """As Anki reads them: directives first, then fields between tabs."""
    (file,) = folder.glob("*cards.tsv")
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    directives = [line for line in lines if line.startswith("#")]
    assert directives == lines[: len(directives)]
    assert "#separator:tab\n" in directives and "#html:false\n" in directives
    # Anki fills a note's fields in the order of columns: what is no field must come after them.
    assert "#tags column:3\n" in directives and "#guid column:4\n" in directives
    return list(csv.reader(lines[len(directives) :], delimiter="\t", strict=True))


@pytest.fixture(scope="module")
def told() -> Maker:
    return tell_history()


@pytest.fixture(scope="module")
def folder(told: Maker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook that no test changes."""
    place = tmp_path_factory.mktemp("notebook")
    write(told, place, rotary="--- a/train.py\n+++ b/train.py\n-x = 1\n+x = 2 if a < b\n")
    return place


def test_there_is_a_page_for_all_that_a_study_has(folder: Path, told: Maker) -> None:
    written = pages(folder)
    assert {*EFFECTS, "baseline", "byte-lm", "2025-06-15", "arXiv 2104.09864"} <= set(written)
    assert {word for word, _ in EFFECTS.values()} <= set(written)
    rotary = written["rotary"]
    verdict = next(v for v in told.history().verdicts.verdicts if v.idea == "rotary")  # type: ignore[union-attr]
    assert front(rotary)["gap"] == verdict.gap_at_target
    assert "proveout/holds" in front(rotary)["tags"]  # type: ignore[operator]
    assert links(rotary) >= {
        "holds", "byte-lm", "arXiv 2104.09864", "baseline", "stack-2", "2025-06-15",
    }  # fmt: skip
    assert "+x = 2 if a < b" in rotary
    for record in told.history().trials.values():
        if record.trial.idea == "rotary" and record.measurement:
            assert f"{record.measurement.value:.4f}" in rotary
    assert links(written["holds"]) == {"byte-lm", "stack-2", "rotary", "swiglu", "holds"}
    assert "rotary" in links(written["2025-06-15"])
    assert "inside the interval" in written["stack-2"]


def test_every_link_leads_to_a_page(folder: Path, tmp_path: Path) -> None:
    hostile = tell_hostile_history()
    write(hostile, tmp_path, **{HOSTILE: f"+```\n+[[no page]]\n+{HOSTILE}\n"})
    for place in (folder, tmp_path):
        written = pages(place)
        for name, text in written.items():
            assert links(text) <= set(written), name


def test_written_again_it_says_nothing_new(told: Maker, tmp_path: Path) -> None:
    assert write(told, tmp_path) == len(list(tmp_path.iterdir()))
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert write(told, tmp_path) == 0
    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before


def test_what_a_person_wrote_stays(told: Maker, tmp_path: Path) -> None:
    early = open_study(told.study, ("rotary", "noop"))
    write(early, tmp_path)
    page = tmp_path / "rotary.md"
    notes = f"\r\nmy own words \xff\n{LINE}\nand more\n".encode("latin-1")
    head, line, _ = page.read_bytes().partition(LINE.encode())
    head = head.replace(b"tags:\n", b"# mine\nalarm: 12:30\nlist:\n- yes\n- 010\ntags:\n- mine\n")
    page.write_bytes(head + line + notes)
    write(told, tmp_path)
    now = page.read_bytes()
    assert now.partition(LINE.encode())[2] == notes
    read = front(now.decode("latin-1"))
    assert b"\n# mine\nalarm: 12:30\nlist:\n- yes\n- 010\n---\n" in now
    assert read["verdict"] == "holds"
    assert read["tags"][-1] == "mine"  # type: ignore[index]
    assert "proveout/not-judged" not in read["tags"]  # type: ignore[operator]
    assert write(told, tmp_path) == 0


def test_files_of_others_are_never_touched(told: Maker, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("elsewhere")
    place = tmp_path / "vault"
    place.mkdir()
    mine = {
        "2025-06-15.md": "my diary, [[rotary]]\n",
        "rotary.md": "---\nproveout: other\nproveout-page: idea 0\n---\n",
        "holds.md": f"---\n: : [\n---\n{LINE}\n",
        "half-batch.md": "",
        "byte-lm cards.tsv": "my own cards\tof old\n",
    }
    for name, text in mine.items():
        (place / name).write_text(text)
    (place / "swiglu.md").symlink_to(outside)
    (place / "noop.md").mkdir()
    for _ in range(2):
        write(told, place)
        assert {name: (place / name).read_text() for name in mine} == mine
        assert outside.read_text() == "elsewhere"
        assert (place / "noop.md").is_dir()
    assert {"rotary (idea)", "holds (verdict)", "2025-06-15 (day)", "swiglu (idea)"} <= links(
        (place / "byte-lm.md").read_text()
    )
    assert (place / "rotary (idea).md").is_file()
    assert len(list(place.glob("*cards*.tsv"))) == 2


def test_a_page_that_a_person_renamed_or_took_over(told: Maker, tmp_path: Path) -> None:
    write(told, tmp_path)
    (tmp_path / "rotary.md").rename(tmp_path / "Rotary embeddings.md")
    own = tmp_path / "swiglu.md"
    own.write_text(own.read_text().replace(LINE, "the line is gone"))
    taken = own.read_text()
    write(told, tmp_path)
    written = pages(tmp_path)
    assert "rotary" not in written
    assert "Rotary embeddings" in links(written["byte-lm"])
    assert written["swiglu"] == taken
    assert "swiglu (idea)" in written


def test_two_studies_share_a_folder(told: Maker, tmp_path: Path) -> None:
    other = open_study(make_study("other"), ("rotary",))
    other.entries[0] = type(other.entries[0])(1, 5.0, other.entries[0].event)
    write(told, tmp_path)
    before = pages(tmp_path)
    write(other, tmp_path)
    after = pages(tmp_path)
    assert {name: after[name] for name in before} == before
    assert "other" in after and "rotary (idea)" in after
    assert "rotary (idea)" in links(after["other"])


def test_pages_of_what_is_gone_go_unless_a_person_wrote_there(study: Study, tmp_path: Path) -> None:
    first = open_study(study)
    first.add("a", source="paper one")
    first.add("b", source="paper two")
    write(first, tmp_path)
    kept = tmp_path / "paper two.md"
    kept.write_text(kept.read_text() + "read this again\n")
    second = open_study(study)
    second.add("a", source="paper three")
    write(second, tmp_path)
    written = set(pages(tmp_path))
    assert "paper one" not in written
    assert {"paper two", "paper three"} <= written


def test_cards_ask_for_what_was_learnt(folder: Path) -> None:
    rows = cards(folder)
    assert len({guid for *_, guid in rows}) == len(rows)
    asked = {front: back for front, back, *_ in rows}
    (answer,) = [back for front, back in asked.items() if "what does rotary do" in front]
    assert answer.startswith("✓ holds: gap -0.36 [-0.40, -0.31]")
    assert not [front for front in asked if "long-context" in front]  # undecided: nothing learnt
    (forecast,) = [back for front, back in asked.items() if "forecast" in front]
    assert "inside the 80% interval" in forecast
    assert any("NameError" in back for front, back in asked.items() if "typo" in front)


NASTY = (
    'tab\tnewline\nquote" [[link]] ![[embed]] | pipe #tag %%hidden%% {{query}} ((block)) '
    "key:: value ==mark== `$= js` <!-- --> <b> [sound:x.mp3] [latex]\\input{/etc/passwd}[/latex] "
    "\\(x\\) \u202egnp\u202c \x00\x1b[0m\u2028\ud800 ---\n# head\n" + LINE
)


def test_hostile_text_breaks_no_page_no_link_no_card(study: Study, tmp_path: Path) -> None:
    maker = open_study(study)
    names = [NASTY, "../../escape", "CON", ".hidden", "a/b", "A", "a", "holds", "byte-lm", " ", "-"]
    names += ["[[", "e\u0301", "\u00e9", "x" * 300, "💥" * 300, "2025-06-15", "aux.md"]
    for name in names:
        maker.add(name, hypothesis=NASTY, source=NASTY + name, category=NASTY, reason=NASTY,
                  parameters={NASTY: NASTY}, origin=NASTY)  # fmt: skip
    maker.fail(Trial(0, 0, NASTY), "crashed", NASTY)
    write(maker, tmp_path / "in", **{NASTY: f"+{NASTY}\n+````\n{LINE}\n"})
    assert [each.name for each in tmp_path.iterdir()] == ["in"]
    written = pages(tmp_path / "in")
    titles = {front(text)["proveout-page"] for text in written.values()}
    assert len(titles) == len(written)
    folded = {unicodedata.normalize("NFC", name).casefold() for name in written}
    assert len(folded) == len(written)
    for name, text in written.items():
        assert not set(name) & set('\\/:*?"<>|#^[]\n\t') and not name.startswith("."), name
        assert len(f"{name}.md".encode()) < 255
        assert links(text) <= set(written)
        assert text.count(LINE) == 1 and text.endswith(f"{LINE}\n")
        body = FENCED.sub("", CODE.sub("", text))
        assert not re.search(r"(?<!\\)[<{`]|%%|==|\(\(|[^\\]::", body.replace(LINE, ""))
        assert not {"\x00", "\x1b", "\u202e", "\u2028"} & set(text)
        for line in body.splitlines():
            if line.startswith("| "):
                assert line.endswith(" |")
    for row in cards(tmp_path / "in"):
        assert len(row) == 4
        assert not re.search(r"\[sound|\[latex|\\\(", " ".join(row))


def test_long_lines_are_cut(study: Study, tmp_path: Path) -> None:
    maker = open_study(study)
    long = "y<" * 5_000_000
    maker.add("a", hypothesis=long, source=long, category=long)
    maker.fail(Trial(0, 0, "a"), "crashed", long)
    write(maker, tmp_path, a=f"+{long}\n" * 2)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 200_000


def test_a_study_that_has_only_begun_has_a_notebook(study: Study, tmp_path: Path) -> None:
    write_notebook(study, History(), [], {}, tmp_path)
    assert "No idea has been tried yet" in (tmp_path / "byte-lm.md").read_text()


def test_a_file_is_no_folder(told: Maker, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="name a folder"):
        write(told, tmp_path / "file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_does_not_hold_it_up(told: Maker, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rotary.md")
    done = threading.Thread(target=write, args=(told, tmp_path), daemon=True)
    done.start()
    done.join(60)
    assert not done.is_alive()
    assert (tmp_path / "rotary (idea).md").is_file()


@pytest.mark.parametrize(
    ("make", "given", "expected"),
    [
        (page_name, "Su 2021, RoFormer: arXiv/2104.09864", "Su 2021 RoFormer arXiv 2104.09864"),
        (page_name, "nul", "nul page"),
        (plain, "+9% (80%) of 1+1 %%x%% ((y))", "\\+9% (80%) of 1+1 %\\%x%\\% (\\(y)\\)"),
        (plain, "a | b [[c]] key:: d", "a \\| b \\[\\[c\\]\\] key:\\: d"),
    ],
)  # fmt: skip
def test_words(make: Callable[[str], str], given: str, expected: str) -> None:
    assert make(given) == expected


def test_a_fence_is_longer_than_any_within() -> None:
    block = diff_block("+`````\n+x\n")
    assert block[0] == "``````diff" and block[3] == "``````"


def test_several_papers_are_pages_of_their_own_and_a_control_is_no_paper() -> None:
    idea = Idea("x", "idea", "0", "1", source="Su 2021; Press 2021 ; Su 2021")
    assert papers_of(idea) == ["Su 2021", "Press 2021"]
    assert papers_of(replace(idea, source="none: a control")) == []
    assert papers_of(replace(idea, kind="stack")) == []
