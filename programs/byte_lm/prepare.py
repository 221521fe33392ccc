"""Make a byte-level corpus from text that is on every machine: the Python standard library.

    python prepare.py --out corpus [--corpus DIR] [--seed 0]

Writes `train.bin`, `held_out.bin`, `hidden.txt` and `corpus.json`. Files, not lines, are split, and
no run of WINDOW_BYTES bytes is in both parts: training files that are near-copies of held-out ones
are dropped whole, and the lines of any other shared run (licences, boilerplate) are cut from
training.

The held-out text lies on the machine, so `hidden.txt` lists what is to be hidden from trials:
patterns of the last parts of paths. Of the library only what no program imports can be hidden.
"""

import argparse
import fnmatch
import glob
import hashlib
import json
import os
import platform
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np

WINDOW_BYTES = 64  # a power of two: see `window_hashes`
PIECE_BYTES = 1024  # the held-out text is shuffled in pieces of this length
HELD_OUT_SHARE = 0.08  # of the files
NEAR_COPY_SHARE = 0.2  # of a training file's windows found in the held-out text
LEAST_BYTES = 200_000
# Tests are not installed everywhere; encodings and pydoc_data are generated tables.
LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test"}
LEFT_OUT |= {"__pycache__", "encodings", "pydoc_data"}
# What may be held out of the library: applications, demonstrations and protocols of the past. What
# other packages have copies of, like lib2to3 and distutils, or need, like wave, is not among them.
HELD_OUT_FROM = {"idlelib", "turtle", "turtledemo", "ensurepip", "antigravity", "this", "asynchat"}
HELD_OUT_FROM |= {"asyncore", "cgitb", "imaplib", "mailbox", "mailcap", "modulefinder", "nntplib"}
HELD_OUT_FROM |= {"poplib", "pyclbr", "smtpd", "tabnanny", "telnetlib", "trace", "xdrlib", "zipapp"}
# Where the library lies: installed, in a source tree, in an archive.
LIBRARIES = ("python[23].*", "pypy[23].*", "Lib")
ARCHIVES = ("python[23][0-9]*.zip",)


class CorpusError(Exception):
    """The user's corpus cannot be used; the message says why and what to do."""


def keyed_hash(seed: int, name: str) -> int:
    """Return 64 bits that depend on the seed and the name only, on every machine."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def read_files(root: Path, pattern: str, left_out: set[str]) -> dict[str, bytes]:
    """Return {relative path: content} of the text files under `root`, each content once."""
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder; give --corpus a folder of text files")
    files: dict[str, bytes] = {}
    seen: set[bytes] = set()
    for path in sorted(find_files(root, pattern, left_out)):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CorpusError(f"cannot read {path}: {error.strerror}") from error
        if content and b"\0" not in content and content not in seen:
            seen.add(content)
            files[path.relative_to(root).as_posix()] = content
    return files


def find_files(root: Path, pattern: str, left_out: set[str]) -> Iterator[Path]:
    """Yield the files under `root` whose names match, without those in a folder that is left out.

    Such folders are not gone into: `site-packages` may hold a hundred times the library's files.
    """
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if name not in left_out]
        for name in fnmatch.filter(names, pattern):
            path = Path(folder, name)
            if name not in left_out and path.is_file():
                yield path


def window_hashes(text: bytes) -> np.ndarray:
    """Return one 64-bit hash for each window of WINDOW_BYTES bytes, uint64 [max(0, n - W + 1)].

    The hash of 2k bytes is made of the hashes of its two halves, so that log2(W) passes are enough.
    Two different windows share a hash with a chance of about 2**-64 a pair.
    """
    if len(text) < WINDOW_BYTES:
        return np.zeros(0, np.uint64)
    spread = np.random.default_rng(0).integers(1, 2**63, 256, dtype=np.uint64)
    hashes = spread[np.frombuffer(text, np.uint8)]
    span = 1
    while span < WINDOW_BYTES:
        mixed = hashes[:-span] * np.uint64(0x9E3779B97F4A7C15 + 2 * span)
        hashes = (mixed ^ (mixed >> np.uint64(29))) + hashes[span:]
        span *= 2
    return hashes


class Windows:
    """The windows of one text, as a set that answers for ten million others in a second."""

    def __init__(self, text: bytes):
        self._hashes = np.unique(window_hashes(text))
        self._table = np.zeros(1 << 24, bool)  # most windows are ruled out by 24 of their bits
        self._table[self._hashes >> np.uint64(40)] = True

    def starts_in(self, text: bytes) -> np.ndarray:
        """Return where in `text` the windows begin that are in this set, int64 [found]."""
        hashes = window_hashes(text)
        starts = np.flatnonzero(self._table[hashes >> np.uint64(40)])
        place = np.searchsorted(self._hashes, hashes[starts]).clip(max=len(self._hashes) - 1)
        return starts[self._hashes[place] == hashes[starts]]


def cut_shared_lines(text: bytes, forbidden: Windows) -> bytes:
    """Return `text` without the lines that touch a forbidden window."""
    while (starts := forbidden.starts_in(text)).size:
        content = np.frombuffer(text, np.uint8)
        opened = np.bincount(starts, minlength=len(content))
        closed = np.bincount(starts + WINDOW_BYTES, minlength=len(content))[: len(content)]
        shared = np.cumsum(opened - closed) > 0
        # A line is the bytes up to and including its newline.
        line = np.concatenate(([0], np.cumsum(content == ord("\n"))[:-1]))
        keep = np.bincount(line, weights=shared) == 0
        text = content[keep[line]].tobytes()  # the cut joins new neighbours: look again
    return text


def shuffled_pieces(text: bytes, seed: int) -> bytes:
    """Return the text as shuffled pieces, so that any prefix is a fair sample of all of it."""
    pieces = [text[i : i + PIECE_BYTES] for i in range(0, len(text), PIECE_BYTES)]
    whole = [piece for piece in pieces if len(piece) == PIECE_BYTES]
    order = sorted(range(len(whole)), key=lambda i: keyed_hash(seed, f"piece {i}"))
    return b"".join(whole[i] for i in order)


def split(files: dict[str, bytes], seed: int, may_hold_out=lambda name: True):
    """Return the training bytes, the held-out bytes, the held-out files and an account of all."""
    order = sorted(files, key=lambda name: keyed_hash(seed, name))
    held_out_files = [name for name in order if may_hold_out(name)]
    held_out_files = held_out_files[: max(1, round(HELD_OUT_SHARE * len(order)))]
    held_out = shuffled_pieces(b"\n".join(files[name] for name in held_out_files), seed)
    forbidden = Windows(held_out)

    kept, dropped = [], {}
    for name in [name for name in order if name not in set(held_out_files)]:
        shared = len(forbidden.starts_in(files[name])) / len(files[name])
        if shared > NEAR_COPY_SHARE:
            dropped[name] = f"{shared:.0%} of it is in the held-out text"
        else:
            kept.append(name)
    joined = b"\n".join(files[name] for name in kept)
    train = cut_shared_lines(joined, forbidden)
    account = {
        "train_files": len(kept),
        "held_out_files": len(held_out_files),
        "dropped_files": dropped,
        "cut_bytes": len(joined) - len(train),
    }
    return train, held_out, held_out_files, account


def is_leaf(name: str) -> bool:
    """Return whether a file of the library, by its relative path, may be held out."""
    return name.partition("/")[0].removesuffix(".py") in HELD_OUT_FROM


def hidden_from_trials(root: Path, names: list[str], is_library: bool) -> list[str]:
    """Return patterns of every path under which files of the corpus may lie on this machine."""
    names = sorted(names)
    if not is_library:
        return [glob.escape(f"{root.resolve()}/{name}") for name in names]
    patterns = [f"{library}/{name}" for name in names if is_leaf(name) for library in LIBRARIES]
    return [*patterns, *ARCHIVES]


def prepare(corpus_dir: Path | None, out_dir: Path, seed: int = 0) -> dict:
    """Write the corpus and return what `corpus.json` says of it.

    Args:
        corpus_dir: a folder of text files; None for the standard library's `*.py`.
        out_dir: where `train.bin`, `held_out.bin`, `hidden.txt` and `corpus.json` go.
        seed: chooses which files are held out, and the order of all.

    Raises:
        CorpusError: the folder is missing, unreadable or too small.
    """
    is_library = corpus_dir is None
    if is_library:
        root, source = Path(sysconfig.get_path("stdlib")), "Python standard library"
        files = read_files(root, "*.py", LEFT_OUT)
    else:
        source = str(corpus_dir)
        if not Path(corpus_dir).is_dir():
            raise CorpusError(f"there is no folder {corpus_dir}; name one that holds text files")
        root = Path(corpus_dir)
        files = read_files(root, "*", set())
    train, held_out, names, account = b"", b"", [], {}
    if len(files) > 1:
        train, held_out, names, account = split(
            files, seed, is_leaf if is_library else lambda _: True
        )
    if len(train) < LEAST_BYTES or not held_out:
        raise CorpusError(
            f"{source}: {len(files)} text files leave {len(train)} bytes to train on and "
            f"{len(held_out)} held out; at least {LEAST_BYTES} and {PIECE_BYTES} are needed"
        )
    record = {"source": source, "python": platform.python_version(), "seed": seed} | account
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for part, text in (("train", train), ("held_out", held_out)):
            (out_dir / f"{part}.bin").write_bytes(text)
            record[f"{part}_bytes"] = len(text)
            record[f"{part}_sha256"] = hashlib.sha256(text).hexdigest()
        copies = [*names, *account["dropped_files"]]
        patterns = hidden_from_trials(root, copies, is_library)
        (out_dir / "hidden.txt").write_text("".join(f"{pattern}\n" for pattern in patterns))
        (out_dir / "corpus.json").write_text(json.dumps(record, indent=2) + "\n")
    except OSError as error:
        raise CorpusError(f"cannot write to {out_dir}: {error.strerror}") from error
    return record


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make a byte-level corpus.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--corpus", type=Path, help="folder of text files (default: the stdlib)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    try:
        record = prepare(args.corpus, args.out, args.seed)
    except CorpusError as error:
        print(f"prepare.py: {error}", file=sys.stderr)
        return 2
    print(
        f"{args.out}: {record['train_bytes']} bytes to train on, {record['held_out_bytes']} held "
        f"out; {len(record['dropped_files'])} near-copies dropped, {record['cut_bytes']} bytes cut"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
