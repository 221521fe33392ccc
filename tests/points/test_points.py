"""A table of runs as people have it, and every mistake in one named where it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from proveout.errors import DataError, UserError
from proveout.points import parse_scale, read_runs, role_of, scale_label

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str | bytes, name: str = "runs.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refused(path: Path, **columns: str) -> str:
    with pytest.raises(DataError) as error:
        read_runs(path, columns)
    assert str(path) in str(error.value)
    return str(error.value)


def test_params_tokens_and_loss_are_read_as_they_stand(write: Write) -> None:
    runs = read_runs(write("params,tokens,loss\n1e8,2e9,3.1\n2e8,4_000_000_000,2.9\n"))
    assert runs.scales == {"params": [1e8, 2e8], "tokens": [2e9, 4e9]}
    assert runs.loss == [3.1, 2.9]
    assert runs.inputs == ("params", "tokens")
    assert runs.compute == [6 * 1e8 * 2e9, 6 * 2e8 * 4e9]
    assert runs.lines == [2, 3]
    assert (runs.weight, runs.run, runs.ignored) == (None, None, ())


def test_a_compute_column_is_taken_at_its_word(write: Write) -> None:
    runs = read_runs(write("N,D,C,loss\n1e8,2e9,1.3e18,3.1\n2e8,4e9,5e18,2.9\n"))
    assert runs.inputs == ("params", "tokens")
    assert runs.compute == [1.3e18, 5e18]


def test_compute_alone_leaves_a_lone_size_aside(write: Write) -> None:
    runs = read_runs(write("params,flops,loss\n1e8,1e18,3.1\n2e8,4e18,2.9\n"))
    assert runs.inputs == ("compute",)
    assert runs.scales == {"compute": [1e18, 4e18]}
    assert runs.ignored == ("params",)


@pytest.mark.parametrize(
    "header",
    ["N,D,L", "n,t,l", "Params, Tokens ,Loss", "n_params,n_tokens,val_loss",
     "parameters;training tokens;Validation Loss", "num_params\tnum_tokens\tbits_per_byte",
     '"N", "D", "eval-loss"', "N,T,loss,", " N , tokens , bpb "],
)  # fmt: skip
def test_columns_are_found_by_the_names_that_people_give_them(header: str, write: Write) -> None:
    separator = ";" if ";" in header else "\t" if "\t" in header else ","
    rows = [separator.join(row) for row in (("1e8", "2e9", "3.1"), ("2e8", "4e9", "2.9"))]
    runs = read_runs(write("\n".join([header, *(r + "," * header.endswith(",") for r in rows)])))
    assert runs.scales == {"params": [1e8, 2e8], "tokens": [2e9, 4e9]}
    assert runs.loss == [3.1, 2.9]


def test_a_word_is_taken_before_a_lone_letter(write: Write) -> None:
    runs = read_runs(write("tokens,T,params,N,loss\n2e9,hot,1e8,x,3\n4e9,cold,2e8,y,2\n"))
    assert runs.scales == {"params": [1e8, 2e8], "tokens": [2e9, 4e9]}
    assert runs.ignored == ("T", "N")


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfcompute,loss\r\n1e18,3\r\n4e18,2\r\n",
        b"compute,loss\r1e18,3\r4e18,2",
        b"\n\ncompute , loss\n\n 1e18 , 3 \n,\n   \n4e18,2\n\n",
        b'"compute","loss"\n"1e18","3"\n"4e18","2"\n',
        "compute\tloss\r\n1e18\t3\r\n4e18\t2\r\n".encode("utf-16"),
        b"note;compute;loss\na, b and c, d;1e18;3\n;4e18;2\n",
        b"compute|loss\n1e18|3\n4e18|2\n",
        b'# from "wandb, today\r\ncompute,loss\r\n#small\r\n1e18,3\r\n  # large\r\n4e18,2\r\n',
        b"# two runs\n# compute,loss\n1e18,3\n4e18,2\n",
        "größe,compute,loss\n1,1e18,3\n2,4e18,2\n".encode("cp1252"),
    ],
    ids=[
        "byte order mark",
        "carriage returns",
        "blanks",
        "quotes",
        "utf-16",
        "commas in cells",
        "bars",
        "comments",
        "numpy",
        "Windows-1252",
    ],
)
def test_the_ways_that_spreadsheets_write_a_table(text: bytes, write: Write) -> None:
    runs = read_runs(write(text))
    assert runs.scales == {"compute": [1e18, 4e18]}
    assert runs.loss == [3.0, 2.0]


@pytest.mark.parametrize(
    ("header", "scale"),
    [("params,test_error", 1e8), ("Params (M);Verlust", 1e14), ("n_train,perplexity", 1e8),
     ("Step,Value", 1e8), ("flops,Test PPL", 1e8), ("Aufwand (FLOPs),loss", 1e8)],
)  # fmt: skip
def test_any_one_scale_will_do_for_a_law(header: str, scale: float, write: Write) -> None:
    comma = ";" if ";" in header else ","
    path = write(f"{header}\n1e8,3\n4e8,2\n".replace(",", comma))
    runs = read_runs(path, {"loss": "Verlust"} if "Verlust" in header else None)
    assert runs.scales == {"compute": [scale, 4 * scale]}
    assert (runs.inputs, runs.stands_in) == (("compute",), "flops" not in header.lower())


def test_one_law_of_several_kinds_of_runs_is_told(write: Write) -> None:
    text = "optimizer,compute,loss\na,1e18,3\na,1e19,2\nb,1e18,3\nb,1e19,2\n"
    (told,) = read_runs(write(text)).warnings
    assert "2 kinds, by the column optimizer" in told


def test_runs_without_a_loss_are_passed_over_and_told(write: Write) -> None:
    runs = read_runs(write("compute;loss\n1e18;3,25\n2e18;nan\n3e18;\n1e19;2,5\n"))
    assert (runs.loss, runs.lines) == ([3.25, 2.5], [2, 5])
    commas, without = runs.warnings
    assert "3,25" in commas
    assert "2 runs without a loss (lines 3, 4), passed over" in without


def test_lines_are_counted_with_comments(write: Write) -> None:
    message = refused(write("# one\ncompute,loss\n# three\n1e18,3\n1e19,oops\n"))
    assert "line 5, column loss" in message


def test_weight_run_seed_and_unique_tokens_have_their_place(write: Write) -> None:
    text = "run,seed,N,D,U,loss,weight\na,0,1e8,2e9,1e9,3.1,1\nb,1,2e8,4e9,1B,2.9,0.5\n"
    runs = read_runs(write(text))
    assert runs.inputs == ("params", "tokens", "unique_tokens")
    assert runs.scales["unique_tokens"] == [1e9, 1e9]
    assert runs.weight == [1.0, 0.5]
    assert runs.run == ["a", "b"]
    assert runs.ignored == ()


def test_columns_can_be_named_and_left_out(write: Write) -> None:
    path = write("size,N,T,L_c4,L_pile,run\n7,1e8,2e9,3.1,2.1,x\n8,2e8,4e9,2.9,2.0,x\n")
    assert "L_c4" in refused(path)
    runs = read_runs(path, {"loss": "l_pile", "params": "size", "run": ""})
    assert runs.loss == [2.1, 2.0]
    assert runs.scales["params"] == [7.0, 8.0]
    assert runs.run is None
    assert set(runs.ignored) == {"N", "L_c4", "run"}
    assert "'nope'" in refused(path, loss="nope")
    with pytest.raises(UserError, match=r"'size'.*params, tokens"):
        read_runs(path, {"size": "N"})


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e9", 1e9), ("1_000_000", 1e6), ("1.5B", 1.5e9), ("7m", 7e6), ("20k", 2e4), ("2T", 2e12),
     (" 3 K ", 3e3), ("+.5", 0.5), ("1.5E+3", 1500.0), ("12.", 12.0)],
)  # fmt: skip
def test_scales_as_the_field_writes_them(text: str, value: float) -> None:
    assert parse_scale(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1,5", "1.234,5", "1e", "1e9e9", "0x10", "7G", "7MB", "nan", "inf", "-1", "0",
     "1e999", "١٢", "1__0", "2 5", "."],
)  # fmt: skip
def test_what_is_no_scale_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is "):
        parse_scale(text)


def test_a_name_stands_for_the_files_own_column_first() -> None:
    assert role_of("D", {}) == "tokens"
    assert role_of("Training FLOPs", {}) == "compute"
    assert role_of("D", {"params": "D", "tokens": "T"}) == "params"
    assert role_of("depth", {}) is None


@pytest.mark.parametrize(
    ("cell", "told"),
    [("abc", "'abc'"), ("-2.5", "above zero"), ("0", "above zero"), ("2.5B", "'2.5B'"),
     ("2,5,1", "dot for decimals")],
)  # fmt: skip
def test_a_bad_loss_is_named_by_line_and_column(cell: str, told: str, write: Write) -> None:
    path = write(f"compute;Val Loss\n1e18;3\n\n4e18;{cell}\n9e18;2\n")
    message = refused(path)
    assert "line 4, column Val Loss" in message
    assert told in message
    assert "\n" not in message


@pytest.mark.parametrize("cell", ["0", "-1e9", "1e9 tokens", "inf", ""])
def test_a_bad_scale_is_named_by_line_and_column(cell: str, write: Write) -> None:
    message = refused(write(f'params,note,T,loss\n1e8,"two\nlines",2e9,3\n2e8,x,{cell},2\n'))
    assert "line 4, column T" in message


def test_the_first_few_of_many_mistakes_are_named_in_order(write: Write) -> None:
    rows = "".join(f"1e18,{'x' if i % 2 else -i}\n" for i in range(10))
    message = refused(write(f"compute,loss\nzero,3\n{rows}"))
    assert [line.split(",")[0].strip() for line in message.splitlines()[1:-1]] == [
        f"line {i}" for i in (2, 3, 4, 5, 6)
    ]
    assert "11 cells" in message
    assert "and 6 more" in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("\n  \n", "is empty"),
        ("params,tokens,loss\n", "no runs below"),
        ("1e8,2e9,3.1\n2e8,4e9,2.9\n", "line of numbers"),
        ("params,tokens,L_c4\n1,2,3\n", "L_c4"),
        ("params,tokens,L_c4\n1,2,3\n", "--loss"),
        ("params,steps,loss\n1,2,3\n", "tokens; the columns are params, steps, loss"),
        ("params,steps,loss\n1,2,3\n", "--columns"),
        ("compute,loss,val_loss\n1,2,3\n", "loss, val_loss; say which with --columns loss="),
        ("compute,accuracy\n1,.2\n2,.3\n", "for accuracy add a column of the error"),
        ("compute,loss,loss\n1,2,3\n", "2 columns named 'loss', the columns 2 and 3; rename"),
        ("N,N,D,loss\n1,2,3,4\n", "2 columns named 'N', the columns 1 and 2"),
        ("# 1,2\n1e18,3\n1e19,2\n", "line of numbers"),
        ("run,compute,loss\n#1,1e18,3\n#2,1e19,2\n", "begin with # are skipped"),
        ("compute  loss\n1e18 3\n", "holds one run"),
        ("compute,loss\n1e40,3\n1e19,2\n", "'1e40'; it must lie between 1e-30 and 1e+30"),
        ("compute,loss\n1e18,3e12\n1e19,2\n", "between 1e-09 and 1e+09"),
        ("compute,loss\n1e-20,3\n1e19,2\n", "compute from 1e-20 to 1e+19"),
        ("compute,loss\n1 00 000,3\n1e19,2\n", "no separator of thousands"),
        ("compute,loss\n1e18,\n1e19,nan\n", "has no loss in its column loss"),
        ("compute,loss\n1e18,3\n1.000000000001e18,2\n", "all at one scale (compute 1e18)"),
        ("compute,loss,weight\n1e18,3,1e12\n1e19,2,1e-6\n", "weights from 1e-06 to 1e+12"),
        ("D,T,N,loss\n1,2,3,4\n", "tokens: D, T"),
        ("compute,loss\n1e18,3\n1e19\n", "line 3 has 1 cell where the header has 2"),
        ("compute,loss\n1e18,3,5\n", "line 2 has 3 cells"),
        ('compute,loss\n1e18,3\n1e19,"2\n1e20,1\n', "line 3"),
        ("compute,loss\n1e18,3\n", "one run"),
        ("compute,loss\n1e18,3\n1e18,3.1\n", "all at one scale (compute 1e18)"),
        ("N,D,loss\n1e8,1e9,3\n1e8,1e9,3.1\n", "params 1e8, tokens 1e9"),
        ("run,N,D,loss\na,1e8,1e9,3\n,1e8,2e9,2\n", "line 3, column run: is empty"),
        ("run,N,D,loss\na,1e8,1e9,3\na,2e8,2e9,2\n", "line 3: run 'a' has 2e8 params"),
        ("compute,loss,weight\n1e18,3,1\n1e19,2,0\n", "line 3, column weight"),
    ],
)
def test_a_table_that_cannot_be_used_says_why_and_what_to_do(
    text: str, told: str, write: Write
) -> None:
    assert told in refused(write(text))


def test_what_is_no_table_at_all(tmp_path: Path, write: Write) -> None:
    assert "does not exist" in refused(tmp_path / "nowhere.csv")
    assert "is a folder" in refused(tmp_path)
    assert "CSV" in refused(write(b"PK\x03\x04\x00\x00\xff\xfe", "runs.xlsx"))
    assert "UTF-8" in refused(write(b"compute,loss\n1e18,3\x81\n"))
    path = write("compute,loss\n1,2\n")
    (path.parent / "loop").symlink_to(path.parent / "loop")
    assert "cannot be read" in refused(path.parent / "loop")


def test_runs_that_did_not_finish_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("compute,State,loss\n1e9,finished,4\n1e10,finished,3\n"
                    "1e11,crashed,9\n1e12,running,8\n1e13,finished,2\n")  # fmt: skip
    runs = read_runs(path)
    assert list(runs.loss) == [4, 3, 2]
    told = " ".join(runs.warnings)
    assert "1 run failed, as State says" in told
    assert "1 run not finished, as State says" in told


@pytest.mark.parametrize(
    ("header", "cells"),
    [("flops,seed,step,val_loss,train_loss", "{flops},{seed},{step},{loss},{step}"),
     ("params,tokens,run,step,loss", "{flops},2e9,{flops}-{seed},{step},{loss}"),
     ("width,flops,iteration,loss", "{seed},{flops},{step},{loss}")],
)  # fmt: skip
def test_the_last_step_of_each_run_counts(header: str, cells: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    lines = [cells.format(flops=flops, seed=seed, step=step, loss=loss + (300 - step) / 100)
             for flops, loss in (("1e9", 4), ("1e10", 3)) for seed in (0, 1)
             for step in (200, 300, 100)]  # fmt: skip
    path.write_text("\n".join([header, *lines]) + "\n")
    runs = read_runs(path)
    assert list(runs.loss) == [4, 4, 3, 3]
    assert "the last step of each run counts; 8 earlier rows are left out" in runs.warnings


def test_runs_of_several_lengths_are_no_steps_of_one(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("flops,seed,steps,loss\n1e9,0,100,4\n1e9,0,200,3.9\n"
                    "1e10,0,300,3\n1e10,0,600,2.9\n")  # fmt: skip
    assert list(read_runs(path).loss) == [4, 3.9, 3, 2.9]


@pytest.mark.parametrize(
    ("column", "label"),
    [("params (M)", "params"), ("N_params_B", "N_params"), ("tokens_in_billions", "tokens"),
     ("Tokens in B", "Tokens"), ("params", "params"), ("flops", "flops"), ("params [m]", "params")],
)  # fmt: skip
def test_numbers_in_full_lose_the_size_in_their_columns_name(column: str, label: str) -> None:
    assert scale_label(column) == label


def test_one_learning_rate_at_all_sizes_is_asked_about(write: Write) -> None:
    def asked(rates: str, sizes: str = "1e8 3e8 1e9 3e9", name: str = "config.lr") -> bool:
        rows = zip(sizes.split(), rates.split(), strict=True)
        text = "".join(f"{size},{2 + i / 10},{rate}\n" for i, (size, rate) in enumerate(rows))
        runs = read_runs(write(f"params,loss,{name}\n{text}"))
        return any("tuned at the small ones" in each for each in runs.warnings)

    assert asked("3e-3 3e-3 3e-3 3e-3")
    assert not asked("3e-3 2e-3 2e-3 1e-3")
    assert not asked("3e-3 3e-3 3e-3 3e-3", sizes="1e8 2e8 3e8 4e8")
    assert not asked("3e-3 3e-3 3e-3 3e-3", name="dropout")
