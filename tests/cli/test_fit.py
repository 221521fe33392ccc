"""`proveout fit` as a person types it: a table of runs in, a law and forecasts out."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from matplotlib import image

from proveout.cli import main

DONE, _, USER_MISTAKE, _ = range(4)


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == DONE, self.err
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


Fit = Callable[..., Done]

ONE_FORM = ("--forms", "power")
"""For what does not hang on which forms are fitted: each takes its time."""


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fit:
    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["proveout", "fit", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(int(ended.value.code or 0), printed.out, printed.err)

    return call


def loss_at(params: float, tokens: float) -> float:
    return 1.7 + 400 * params**-0.34 + 410 * tokens**-0.28


def loss_of(compute: float) -> float:
    return 1.5 + 60 * compute**-0.1


def wobble(i: int) -> float:
    return 1 + 0.002 * (-1) ** i * (1 + i % 3)


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """Five sizes at four ratios of tokens to parameters."""
    path = tmp_path / "grid.csv"
    scales = [(n, n * r) for n in (3e7, 1e8, 3e8, 1e9, 3e9) for r in (5, 10, 20, 80)]
    rows = [f"{n:g},{d:g},{loss_at(n, d) * wobble(i)}" for i, (n, d) in enumerate(scales)]
    path.write_text("\n".join(["N,D,val_loss", *rows]))
    return path


@pytest.fixture
def curve(tmp_path: Path) -> Path:
    """Eight scales of compute."""
    path = tmp_path / "curve.csv"
    computes = [10 ** (17 + i / 2) for i in range(8)]
    rows = [f"{c:g},{loss_of(c) * wobble(i)},x" for i, c in enumerate(computes)]
    path.write_text("\n".join(["FLOPs,bits_per_byte,note", *rows]))
    return path


def test_a_law_of_params_and_tokens_forecasts_what_the_law_says(grid: Path, fit: Fit) -> None:
    found = fit(
        grid, "--json", "--at", "params=1e10,tokens=2e11", "--at", "D=1T, N=3B", "--at",
        "N=1_000_000_000,D=20_000_000_000"
    ).json  # fmt: skip
    assert found["points"] == 20
    assert found["form"] in {"chinchilla", "tied"}
    assert found["parameters"].keys() == found["standard_errors"].keys()
    assert sum(each["weight"] for each in found["forms"]) == pytest.approx(1)
    assert found["forms"][0]["form"] == found["form"]
    assert found["forms"][0]["weight"] == max(each["weight"] for each in found["forms"])
    asked = [each["at"] for each in found["predictions"]]
    assert asked == [
        {"params": 1e10, "tokens": 2e11}, {"params": 3e9, "tokens": 1e12},
        {"params": 1e9, "tokens": 2e10},
    ]  # fmt: skip
    for each in found["predictions"]:
        truth = loss_at(**each["at"])
        assert each["mean"] == pytest.approx(truth, rel=0.02)
        assert each["interval80"][0] < truth < each["interval80"][1]
        assert each["interval95"][0] < each["interval80"][0] < each["interval50"][0]
        assert each["interval50"][1] < each["interval80"][1] < each["interval95"][1]
    wide, alone = (found["predictions"][0][key] for key in ("interval80", "fit_only_interval80"))
    assert alone[1] - alone[0] < wide[1] - wide[0]


def test_compute_alone_is_enough_and_a_bare_number_asks(curve: Path, fit: Fit) -> None:
    bare = fit(curve, *ONE_FORM, "--json", "--at", "3e22").json
    named = fit(curve, *ONE_FORM, "--json", "--at", "compute=3e22").json
    assert bare == named
    (each,) = bare["predictions"]
    assert each["at"] == {"compute": 3e22}
    assert each["interval80"][0] < loss_of(3e22) < each["interval80"][1]


def test_without_at_it_looks_ten_and_a_hundred_times_ahead(
    grid: Path, curve: Path, fit: Fit
) -> None:
    asked = [each["at"] for each in fit(curve, *ONE_FORM, "--json").json["predictions"]]
    largest = float(f"{10**20.5:g}")
    assert [each["compute"] for each in asked] == pytest.approx([10 * largest, 100 * largest])
    found = fit(grid, "--forms", "chinchilla", "--json").json
    asked = [each["at"] for each in found["predictions"]]
    assert [each["params"] for each in asked] == pytest.approx([3e9 * math.sqrt(10), 3e10])
    assert [each["tokens"] for each in asked] == pytest.approx([2.4e11 * math.sqrt(10), 2.4e12])


def test_a_person_sees_law_forms_forecasts_and_what_was_left_out(curve: Path, fit: Fit) -> None:
    shown = fit(curve, "--at", "3e22", "--hold-out-above", "1e19")
    assert shown.code == DONE, shown.err
    found = fit(curve, "--at", "3e22", "--hold-out-above", "1e19", "--json").json
    assert found["formula"] in shown.out
    for each in found["forms"]:
        assert each["form"] in shown.out
        assert all(f"{name} " in shown.out for name in each["parameters"])
    assert shown.out.splitlines()[0].startswith("bits_per_byte at compute 3e22: ")
    assert "8 runs" in shown.out
    assert "columns left out: note" in shown.out
    mean = found["predictions"][0]["mean"]
    assert any(float(each) == pytest.approx(mean, abs=5e-3)
               for each in re.findall(r"\b\d\.\d{2,}\b", shown.out))  # fmt: skip
    assert "from all 8 runs" in shown.out
    assert "from the 5 runs up to 1e19 alone" in shown.out
    for warning in found["warnings"]:
        assert warning in " ".join(shown.out.split())
    assert max(map(len, shown.out.splitlines())) < 400


def test_the_check_counts_what_fell_inside_and_how_far_it_missed(curve: Path, fit: Fit) -> None:
    lines = curve.read_text().splitlines()
    compute, loss, _ = lines[-1].split(",")
    lines[-1] = f"{compute},{float(loss) * 1.5},x"  # far outside of any interval
    curve.write_text("\n".join(lines))
    found = fit(curve, *ONE_FORM, "--json", "--hold-out-above", "9e18").json["held_out"]
    assert found["above"] == 9e18
    assert found["points"] == 4
    assert found["coverage80"] == pytest.approx(0.75)
    assert found["rmse_log"] == pytest.approx(math.log(1.5) / 2, rel=0.15)
    assert found["mean_error_log"] == pytest.approx(math.log(1.5) / 4, rel=0.3)
    shown = fit(curve, *ONE_FORM, "--hold-out-above", "9e18").out
    assert "3 of the 4 runs" in shown
    row = next(line for line in shown.splitlines() if "outside" in line)
    assert row.split()[:2] == ["9", "3.162e20"]


def test_the_check_does_not_see_the_runs_that_it_predicts(curve: Path, fit: Fit) -> None:
    first = fit(curve, *ONE_FORM, "--json", "--hold-out-above", "9e18").json
    lines = curve.read_text().splitlines()
    lines[-1] = lines[-1].replace(lines[-1].split(",")[1], "9.9")
    curve.write_text("\n".join(lines))
    second = fit(curve, *ONE_FORM, "--json", "--hold-out-above", "9e18").json
    above = math.log(9.9 / (loss_of(10**20.5) * wobble(7)))
    assert second["held_out"]["mean_error_log"] - first["held_out"]["mean_error_log"] == (
        pytest.approx(above / 4, rel=1e-6)
    )
    assert first["predictions"] != second["predictions"]


def test_only_the_forms_that_were_asked_for(grid: Path, fit: Fit) -> None:
    found = fit(grid, "--json", "--forms", "chinchilla").json
    assert [each["form"] for each in found["forms"]] == ["chinchilla"]
    assert found["parameters"]["E"] == pytest.approx(1.7, abs=0.15)
    both = fit(grid, "--json", "--forms", "power, chinchilla", "--at", "N=1e10,D=2e11").json
    assert {each["form"] for each in both["forms"]} == {"power", "chinchilla"}
    assert both["predictions"][0]["at"]["compute"] == 6 * 1e10 * 2e11


def test_compute_beside_params_and_tokens_can_be_asked_for(grid: Path, fit: Fit) -> None:
    rows = [line.split(",") for line in grid.read_text().splitlines()[1:]]
    grid.write_text("N,D,C,loss\n" + "\n".join(
        f"{n},{d},{7 * float(n) * float(d):g},{loss}" for n, d, loss in rows
    ))  # fmt: skip
    assert fit(grid, "--json", "--at", "1e23").code == USER_MISTAKE
    found = fit(grid, "--json", "--at", "compute=1e23").json
    assert found["predictions"][0]["at"] == {"compute": 1e23}
    assert fit(grid, "--json", "--at", "N=1e10,D=2e11").json["form"] in {"chinchilla", "tied"}


def test_without_the_discrepancy_the_intervals_are_those_of_the_fit(curve: Path, fit: Fit) -> None:
    (whole,) = fit(curve, *ONE_FORM, "--json", "--at", "1e22").json["predictions"]
    without = fit(curve, *ONE_FORM, "--json", "--at", "1e22", "--no-discrepancy").json
    (alone,) = without["predictions"]
    assert alone["interval80"] == alone["fit_only_interval80"] == whole["fit_only_interval80"]
    assert alone["interval80"] != whole["interval80"]


def test_repeats_weights_checkpoints_and_unique_tokens_are_taken(tmp_path: Path, fit: Fit) -> None:
    path = tmp_path / "runs.csv"
    rows = [
        f"{n:g},{n * r:g},{n * r / 4:g},{n:g}-{seed},{seed},1,{loss_at(n, n * r) * wobble(seed)}"
        for n in (1e8, 3e8, 1e9, 3e9)
        for seed in range(2)
        for r in (5, 20, 60)
    ]
    path.write_text("\n".join(["params,tokens,unique_tokens,run,seed,weight,loss", *rows]))
    found = fit(path, "--json", "--at", "params=1e10,tokens=2e11").json
    assert found["points"] == 24
    assert found["predictions"][0]["at"]["unique_tokens"] == 2e11
    assert "24 checkpoints of 8 runs" in fit(path, "--forms", "chinchilla").out


def test_columns_and_loss_can_be_named(curve: Path, fit: Fit) -> None:
    text = curve.read_text().replace("FLOPs,bits_per_byte", "spent,L_c4")
    curve.write_text(text)
    assert fit(curve).code == USER_MISTAKE
    found = fit(curve, *ONE_FORM, "--columns", "compute=spent", "--loss", "L_c4", "--json")
    assert found.json["points"] == 8
    again = fit(curve, *ONE_FORM, "--columns", " loss = L_c4 , compute=spent", "--json")
    assert again.out == found.out


@pytest.mark.parametrize("name", ["law.png", "law.svg"])
def test_the_figure_is_written_and_named(
    name: str, grid: Path, curve: Path, tmp_path: Path, fit: Fit
) -> None:
    for runs, form in ((grid, "chinchilla"), (curve, "power")):
        done = fit(runs, "--forms", form, "--plot", tmp_path / name)
        assert f"figure: {tmp_path / name}" in done.out
        if name.endswith("png"):
            assert image.imread(tmp_path / name).ndim == 3
            continue
        drawn = "".join(ElementTree.parse(tmp_path / name).getroot().itertext())
        assert ("tokens/param" in drawn) == (runs == grid)
        assert fit(runs, "--forms", form, "--json", "--plot", tmp_path / name).json["points"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--at", "1e21"], "takes params, tokens: write --at params=1e9,tokens=2e10"),
        (["--at", "params=1e9"], "does not say tokens"),
        (["--at", "depth=12,params=1e9"], "'depth'"),
        (["--at", "params=1e9,tokens=many"], "tokens is 'many', not a number"),
        (["--at", "params=0,tokens=1e9"], "above zero"),
        (["--at", "params=1e9,N=1e9,tokens=1e9"], "params twice"),
        (["--at", ""], "without a name"),
        (["--forms", "farseer"], "power, floorless, chinchilla"),
        (["--at", "params=1e40,tokens=1e9"], "params is '1e40'; it must lie between 1e-30"),
        (["--forms", "data-constrained"], "needs params and tokens and unique_tokens"),
        (["--forms", ","], "is not known"),
        (["--hold-out-above", "1e30"], "no run to predict; the runs have compute from 2.7e16"),
        (["--hold-out-above", "1"], "0 scales"),
        (["--hold-out-above", "2.8e16"], "1 scale"),
        (["--hold-out-above", "lots"], "--hold-out-above is 'lots', not a number"),
        (["--columns", "N"], "NAME=COLUMN"),
        (["--columns", "size=N"], "'size'"),
        (["--columns", "params=size"], "no column 'size'"),
        (["--loss", "perplexity"], "no column 'perplexity'"),
        (["--plot", "law.pdf"], ".png or .svg"),
        (["--plot", "/nowhere/law.png"], "no folder /nowhere"),
    ],
)
def test_a_mistake_says_what_is_allowed(
    options: list[str], told: str, grid: Path, fit: Fit
) -> None:
    done = fit(grid, *options)
    assert done.code == USER_MISTAKE
    assert told in done.err
    assert done.out == ""


def test_a_bad_file_is_named_with_its_line(tmp_path: Path, fit: Fit) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("params,tokens,loss\n1e8,1e9,3\n1e8,2e9,oops\n")
    done = fit(path)
    assert done.code == USER_MISTAKE
    assert f"{path}, line 3, column loss" in done.err
    assert fit(tmp_path / "nowhere.csv").code == USER_MISTAKE
    assert fit().code == USER_MISTAKE


def test_losses_that_no_law_spans_are_told_without_the_words_of_linear_algebra(
    tmp_path: Path, fit: Fit
) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("compute,loss\n1e18,1e9\n1e19,1\n1e20,1e-9\n")
    done = fit(path)
    assert done.code == USER_MISTAKE
    assert "too much alike or too far apart" in done.err


@pytest.mark.parametrize("count", [2, 3, 4])
def test_few_scales_give_wide_intervals_and_no_crash(count: int, tmp_path: Path, fit: Fit) -> None:
    path = tmp_path / "runs.csv"
    rows = [f"{c:g},{loss_of(c)}" for c in (1e18, 1e19, 1e20, 1e21)[:count]]
    path.write_text("\n".join(["compute,loss", *rows]))
    found = fit(path, "--json", "--at", "1e23").json
    low, high = found["predictions"][0]["interval80"]
    assert low < loss_of(1e23) < high
    assert fit(path).code == DONE


def test_it_works_as_an_installed_command_and_the_docs_show_its_keys(
    curve: Path, proveout: Path
) -> None:
    done = subprocess.run(
        [proveout, "fit", curve, "--json", "--hold-out-above", "1e19"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == DONE, done.stderr
    page = (Path(__file__).parents[2] / "docs" / "fit.md").read_text()
    example = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert example
    assert keys(json.loads(example[1])) == keys(json.loads(done.stdout))


def keys(document: Any) -> Any:
    """The keys of a document, nested, but not those that laws name."""
    if isinstance(document, dict):
        named = ("parameters", "standard_errors", "at")
        return {key: None if key in named else keys(value) for key, value in document.items()}
    return keys(document[0]) if isinstance(document, list) and document else None


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [(1.69, 0.0311, "1.690 ± 0.031"), (406.4, 20.1, "406 ± 20"),
     (38411.0, 15366.0, "(3.8 ± 1.5)e4"), (4.1e7, 2e6, "(4.10 ± 0.20)e7"),
     (6e-7, 1e-8, "(6.00 ± 0.10)e-7"), (0.1, None, "0.1 ± ?"),
     (0.2, 2.9, "0.2 ± 2.9"), (1.9e10, 5.8e17, "1.9e10 ± 5.8e17"), (0.0, 0.0, "0")],
)  # fmt: skip
def test_parameters_are_shown_to_two_digits_of_their_error(
    value: float, error: float | None, shown: str
) -> None:
    from proveout.cli._fit_show import plus_minus

    assert plus_minus(value, error) == shown


def test_help_tells_what_a_table_needs(proveout: Path) -> None:
    done = subprocess.run([proveout, "fit", "--help"], capture_output=True, text=True)
    for option in ("--at", "--hold-out-above", "--plot", "--forms", "--columns", "--loss"):
        assert option in done.stdout


@pytest.fixture
def in_millions(tmp_path: Path) -> Path:
    path = tmp_path / "sizes.csv"
    lines = [f"{size},{1.7 + 40 * (size * 1e6) ** -0.2:.5f}" for size in (10, 30, 100, 300, 1000)]
    path.write_text("\n".join(["params (M),val_loss", *lines]) + "\n")
    return path


def test_a_scale_in_millions_is_asked_for_and_told_as_such(in_millions: Path, fit: Fit) -> None:
    ways = ("7000", "7B", "params=7B", "params (M)=7000", "7000M")
    places = [each for at in ways for each in ("--at", at)]
    asked = fit(in_millions, *places, "--forms", "power", "--json").json["predictions"]
    assert [each["at"] for each in asked] == [{"compute": 7e9}] * 5
    shown = fit(in_millions, "--at", "7000", "--hold-out-above", "200", "--forms", "power").out
    assert "val_loss at params 7e9" in shown
    assert "val_loss against params; params 1e7 to 1e9" in shown
    assert "(M)" not in shown
