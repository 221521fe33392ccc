"""Wide tables with a column for each idea: which columns are ideas, and of which metric."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from proveout.points._columns import named_column, plain_name
from proveout.points._direction import LOSS_PARTS, SCORE_PARTS, more_is_better
from proveout.points._numbers import NO_LOSS, UNFINISHED
from proveout.points._table import Table, refuse

_TOKEN = re.compile(r"(?<![a-z0-9])1\s*-\s*[a-z]+|[a-z0-9]+", re.I)
_PLUS_MINUS = re.compile(r"\s*[(\[]?\s*(±|\+/-).*")
_BETWEEN = " _-/:.,|=@"

_CORE = {word for word in LOSS_PARTS | SCORE_PARTS if "_" not in word} | {"entropy"}
_TRAINING = {"train", "training"}
_WHOSE = {"val", "valid", "validation", "eval", "test", "heldout", *_TRAINING}
_WEAK = _WHOSE | {"mean", "avg", "average"}
_IN_METRICS = (
    "final held out lm rate win exact match cross bits nats per byte log pct percent squared "
    "absolute root"
)
_METRIC = {*_CORE, *_WEAK, *_IN_METRICS.split()}
_PHRASES = {"win_rate", "exact_match", "bits_per_byte"}

_SPREAD = {"std", "stdev", "stddev", "stderr", "sem"}
_ABOUT = (
    "sd se ci ci95 var variance standard deviation low high lower upper lo hi min max p pvalue "
    "value dev err delta diff difference gain improvement gap speedup ratio change winner relative "
    "rel abs vs minus to over of in n num count counts runs seeds samples time wall walltime "
    "runtime sec s ms seconds minutes hours hour step steps iter iterations epochs flops params "
    "tokens memory mem gb mb gpu throughput"
)
_OF_RESULTS = {*_SPREAD, *_ABOUT.split()}
_SET = (
    "lr learning_rate batch batch_size bs epoch n_layers layers n_layer d_model heads n_heads seed "
    "gpus n_gpus id index row no number year date cost price mean avg average median best rank "
    "tokens_per_param"
)
_SETTINGS = set(_SET.split())
_APART = 10.0  # times: losses of two ideas hardly are
_FEWEST = 0.8  # of a column's cells are numbers


class Spread(NamedTuple):
    """`ideas` are their names by place in the header, and `metric` what those columns hold, empty
    where no name says; `others` are columns of something else, and `passed` other metrics."""

    ideas: dict[int, str]
    metric: str
    others: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()


class _Named(NamedTuple):
    idea: str
    metric: str


def idea_columns(
    path: Path, table: Table, asked: Mapping[str, str], names: Mapping[int, str]
) -> Spread | None:
    """Of the columns by place, those of one idea each; None where there are no two.

    Args:
        path: the file, for messages.
        table: the table.
        asked: `idea` may hold names of columns, separated by |; `loss` the metric that counts.
        names: the columns that may be ideas.

    Raises:
        DataError: several metrics, or a column that may be an idea or not; it says how to say.
    """
    chosen = asked.get("idea", "").split("|")
    if len(chosen) > 1:
        places = [named_column(path, table.header, "idea", name.strip()) for name in chosen]
        return _of_one_metric(path, {i: table.header[i] for i in places}, asked.get("loss"), ())
    numeric = {i: name for i, name in names.items() if _is_numeric(_cells(table, i))}
    found = {i: name for i, name in numeric.items() if not _is_aside(name, i, numeric)}
    others = tuple(name for i, name in numeric.items() if i not in found)
    if len(found) < 2:
        return None
    spread = _of_one_metric(path, found, asked.get("loss"), others)
    _check_alike(path, table, spread.ideas)
    return spread if len(spread.ideas) > 1 else None


def _cells(table: Table, place: int) -> list[str]:
    return [row.cells[place] for row in table.rows]


def _is_numeric(cells: Sequence[str]) -> bool:
    known = [cell for cell in cells if cell.lower() in NO_LOSS or _value(cell) is not None]
    there = any(cell.lower() not in UNFINISHED for cell in cells)
    return there and len(known) >= _FEWEST * len(cells)


def _value(cell: str) -> float | None:
    plain = re.split(r"±|\+/-|\+-", cell)[0].rstrip("% ")
    for text in (plain, plain.replace(",", "."), plain.replace(",", "")):
        with contextlib.suppress(ValueError):
            value = float(text)
            return value if math.isfinite(value) else None
    return None


def _words(name: str) -> set[str]:
    return {token.lower() for token in _TOKEN.findall(_bare(name))}


def _bare(name: str) -> str:
    """`baseline` of `baseline ± std`."""
    return _PLUS_MINUS.sub("", name) or name


def _is_aside(name: str, place: int, names: Mapping[int, str]) -> bool:
    """Whether a column is about the ideas' results or their settings: it has a word that says so,
    and no other word than those of other columns. `lr` and `new_lr` are, and `lr_warmup` is not."""
    words, plain = _words(name), plain_name(name)
    if words & _SPREAD or plain in _SETTINGS or name.startswith(("±", "+/-")):
        return True
    others = (_words(each) for i, each in names.items() if i != place)
    ideas = set().union(*(each for each in others if not each & _OF_RESULTS)) - _SETTINGS
    if words & _OF_RESULTS:
        return words <= ideas | _OF_RESULTS | _METRIC
    return bool(words & _SETTINGS) and words <= ideas | _SETTINGS


def _of_one_metric(
    path: Path, names: Mapping[int, str], asked: str | None, others: tuple[str, ...]
) -> Spread:
    """The ideas with the metric taken off their names, where each name has one."""
    named = _of_known_metrics({i: _named(name) for i, name in names.items()})
    others += tuple(name for i, name in names.items() if i not in named)
    metrics = {plain_name(each.metric): each.metric for each in named.values()}
    training = {plain for plain in metrics if set(plain.split("_")) & _TRAINING}
    if asked is not None and plain_name(asked) in metrics:
        left = {plain_name(asked)}
    else:
        left = metrics.keys() - training or set(metrics)
    if left == {""} or ("" in left and not any(map(more_is_better, metrics.values()))):
        ideas = {i: _bare(names[i]) for i, each in named.items() if plain_name(each.metric) in left}
        return Spread(ideas, "", others, tuple(metrics[each] for each in metrics.keys() - left))
    if len(left) > 1:
        told = " and ".join(metrics[each] for each in sorted(left) if each)
        if "" in left:
            refuse(path, f"is wide, and some of its columns name a metric, {told}, and some none: "
                          f"say which are ideas, such as {_how([*names.values()])}")  # fmt: skip
        refuse(path, f"is wide, with columns of several metrics, {told}: say which counts, such as "
                      f"--loss {metrics[max(left)]!r}")  # fmt: skip
    (metric,) = left
    ideas = {i: each.idea for i, each in named.items() if plain_name(each.metric) == metric}
    passed = tuple(metrics[each] for each in metrics if each != metric)
    return Spread(ideas, metrics[metric], others, passed)


def _of_known_metrics(named: Mapping[int, _Named]) -> dict[int, _Named]:
    """Without `base_x` and `new_x` beside `base_loss` and `new_loss`: whatever x is."""
    ideas = [_words(each.idea) for each in named.values() if each.metric]
    return {
        i: each
        for i, each in named.items()
        if each.metric or len(ideas) < 2 or not any(idea < _words(each.idea) for idea in ideas)
    }


def _named(name: str) -> _Named:
    """`base_val_loss` as base and val_loss, `accuracy (muon)` as muon and accuracy."""
    name = _bare(name)
    tokens = list(_TOKEN.finditer(name))
    words = [token[0].lower() for token in tokens]
    count = _metric_words(words[:0:-1])
    if count:
        start = tokens[-count].start()
        rest = name[:start].rstrip(_BETWEEN + "([{")
        metric = name[start : tokens[-1].end()]
        first = tokens[0][0]
        if first.lower() in _WHOSE and len(tokens) > count + 1:
            return _Named(rest[len(first) :].lstrip(_BETWEEN), f"{first}_{metric}")
        return _Named(rest, metric)
    count = _metric_words(words[:-1])
    if count:
        end = tokens[count - 1].end()
        rest = name[end:].lstrip(_BETWEEN + "%()[]" if "%" in name[end:] else _BETWEEN)
        return _Named(rest.strip("()[]"), name[tokens[0].start() : end])
    return _Named(name, "")


def _metric_words(words: Sequence[str]) -> int:
    """How many of the words, from the first on, name a metric."""
    count = 0
    while count < len(words) and _last_word(words[count]) in _METRIC:
        count += 1
    run = words[:count]
    phrase = {"_".join(run), "_".join(reversed(run))} & _PHRASES
    if phrase or any(_last_word(word) in _CORE for word in run):
        return count
    weak = 0
    while weak < count and words[weak] in _WEAK:
        weak += 1
    return weak


def _last_word(token: str) -> str:
    """`accuracy` of `1-accuracy`."""
    return re.split(r"\W", token)[-1]


def _check_alike(path: Path, table: Table, ideas: Mapping[int, str]) -> None:
    """Refuses columns whose numbers are no losses of one kind."""
    values = {i: [v for cell in _cells(table, i) if (v := _value(cell)) is not None] for i in ideas}
    middles = {i: median(each) for i, each in values.items() if each}
    for place, middle in middles.items():
        rest = median([other for i, other in middles.items() if i != place] or [middle])
        if rest == middle or (rest * middle > 0 and 1 / _APART < middle / rest < _APART):
            continue
        columns = [table.header[i] for i in ideas]
        kept = [name for name in columns if name != table.header[place]]
        refuse(path, f"is wide, and its column {table.header[place]!r} (about {middle:.3g}) may be "
                      f"an idea or not: {', '.join(kept[:3])} have about {rest:.3g}. Take it out, "
                      f"or say which columns are ideas, such as {_how(columns)}, or which holds "
                      "the loss with --loss COLUMN")  # fmt: skip


def _how(columns: Sequence[str]) -> str:
    return f'--columns "idea={"|".join(columns[:3])}"'
