"""What programs of other people do that `init` once took for something else, or did not see."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import UserError
from proveout.loop import ScoreWish, adopt_program, prove_study
from proveout.survey import Plan, Wishes, apply_wishes, plan_study, reported, survey
from proveout.survey._constants import source_constants
from proveout.survey._seeds import seeds_in


def lay(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def plan_of(folder: Path) -> Plan:
    return plan_study(apply_wishes(survey(folder), Wishes()), Wishes())


def adopt(program: Path, score: ScoreWish | None = None) -> Any:
    return adopt_program(program, program.parent / "s", Wishes(), score or ScoreWish(),
                         lambda likely: likely[0])  # fmt: skip


def test_numbers_handed_by_position_are_called_as_the_function_calls_them(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {
        "run.py": "import net\ntrained = net.Net([2, 3])\n"
                  "trained.fit([1, 2], 32, 10, 3.0, held=[4])\n",
        "net.py": "import random\nclass Net:\n    def __init__(self, sizes):\n        pass\n"
                  "    def fit(self, data, epochs, mini_batch_size, eta, held=None):\n"
                  "        chance = random.random() / 1000\n"
                  "        print('loss', epochs + eta / mini_batch_size + chance)\n",
    })  # fmt: skip
    adopted = adopt(program)
    assert [rung["epochs"] for rung in adopted.plan.rungs] == [2, 4, 8, 32]
    proof = prove_study(adopted.study)
    assert proof.fix == ()  # seeds, the next rung and a knob all reach it, through the module
    assert proof.probe.measurement.value == pytest.approx(2.3, abs=0.001)


@pytest.mark.parametrize(
    ("files", "rung"),
    [
        ({"run.py": "def main():\n    for cur_iter in range(160):\n        a = cur_iter\n"
                    "        b = a\n        print('loss', b)\nmain()\n"}, {"cur_iters": 10}),
        ({"main.go": "package main\nfunc main() {\n\tfor iter := 0; iter < 160; iter++ {\n"
                     "\t\ta := iter\n\t\tb := a\n\t\tprintln(b)\n\t}\n}\n"}, {"iters": 10}),
    ],
)  # fmt: skip
def test_what_a_loop_counts_may_have_a_longer_name(
    files: dict[str, str], rung: dict[str, object], tmp_path: Path
) -> None:
    assert plan_of(lay(tmp_path, files)).rungs[0] == rung


def test_a_number_of_an_evaluation_is_no_setting_of_the_training(tmp_path: Path) -> None:
    program = lay(tmp_path, {"adder.py": (
        "from torch import draw\ndef eval_split(model):\n    draw(model, batch_size=100)\n"
        "max_iters = 160\nif __name__ == '__main__':\n    draw(learning_rate=0.25)\n"
    )})  # fmt: skip
    names = [each.name for each in survey(program).parameters]
    assert "learning_rate" in names
    assert "batch_size" not in names


def test_a_buffer_that_grows_is_no_size_and_digits_may_be_grouped() -> None:
    c = "int size = 128;\nwhile (full) { size *= 2; }\nconst int nhid = 28;\n"
    assert [each.name for each in source_constants(c, "net.c")] == ["nhid"]
    rust = "const EPOCHS: usize = 1_000_000;\nconst NUM_SAMPLES: usize = 4;\n"
    assert source_constants(rust, "net.rs")[0].default == 1_000_000


def test_programs_are_built_as_their_makefile_or_manifest_names_them(tmp_path: Path) -> None:
    main = "int main(void) { for (int i = 0; i < 99; i++) {\n\n\n\n} }\n"
    recipe = "BIN = net\nall:\n\tgcc -o $(BIN) test.c -lm\nrun:\n\t./$(BIN)\n"
    made = survey(lay(tmp_path / "c", {"test.c": main, "Makefile": recipe}))
    assert (made.command, made.entry) == ("sh -c 'make -s all && exec ./net'", "test.c")
    manifest = '[package]\nname = "a"\n[[bin]]\nname = "mlp"\npath = "mlp_one.rs"\n'
    rust = survey(lay(tmp_path / "r", {"Cargo.toml": manifest, "mlp_one.rs": "fn main() {}\n"}))
    assert "--bin mlp && exec ./target/release/mlp" in rust.command


def test_what_is_tuned_may_stand_in_a_file_that_is_compiled_along(tmp_path: Path) -> None:
    program = lay(tmp_path, {
        "net.c": "int main(void) {\n    int epochs = 160;\n}\n",
        "net.h": "#define LEARNING_RATE 0.1\n#define WIDTH 64\n",
        "other.c": "#define MOMENTUM 0.9\nint main(void) {}\n",
    })  # fmt: skip
    plan = plan_of(program)
    assert list(plan.knobs) == ["net.h"]
    assert plan.parameters["LEARNING_RATE"] == 0.1
    assert plan.rungs[0] == {"epochs": 10}


def test_one_of_a_group_that_must_be_given_is_asked_for(tmp_path: Path) -> None:
    program = lay(tmp_path, {"em.py": (
        "import argparse\np = argparse.ArgumentParser()\n"
        "g = p.add_mutually_exclusive_group(required=True)\n"
        "g.add_argument('--clusters', type=int)\ng.add_argument('--file')\n"
        "p.add_argument('--iterations', type=int, default=1)\np.parse_args()\n"
    )})  # fmt: skip
    with pytest.raises(UserError, match="--set clusters=VALUE"):
        plan_of(program)
    wishes = Wishes(fixed={"clusters": 3})
    plan = plan_study(apply_wishes(survey(program), wishes), wishes)
    assert [rung["iterations"] for rung in plan.rungs] == [1, 2, 4, 16]


def test_what_is_measured_before_training_is_no_score(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("initial perplexity=90.5\n-1 p=70.5\n-2 p=60.5\n")
    assert all(each.rank is None for each in reported(tmp_path / "none", tmp_path / "log"))


def test_seeds_of_imported_modules_are_replaced_but_not_those_of_a_split(tmp_path: Path) -> None:
    program = lay(tmp_path, {
        "run.py": "import numpy as np\nimport cell\nnp.random.seed(0)\nmax_iters = 160\n",
        "cell.py": "def draw():\n    np.random.seed(0)\nsplit(random_state=3)\n",
    })  # fmt: skip
    ((pattern, line),) = plan_of(program).replaces["cell.py"].items()
    text = (program / "cell.py").read_text()
    assert re.sub(pattern, line, text).count("seed({seed})") == 1


def test_a_clock_in_go_gives_way_to_a_seed_and_stays_in_use() -> None:
    source = "func init() {\n\trand.Seed(time.Now().UTC().UnixNano())\n}\n"
    ((pattern, line),) = seeds_in(source)
    assert re.sub(pattern, line.replace("{seed}", "7"), source, flags=re.M) == source.replace(
        "Seed(", "Seed(7 + 0*"
    )


def test_a_script_that_reads_beside_its_folder_is_started_in_it(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {
        "pkg/train.py": "import argparse\nfrom pkg.load import load\n"
                        "p = argparse.ArgumentParser()\n"
                        "p.add_argument('--epochs', type=int, default=32)\n"
                        "print('loss', load() / p.parse_args().epochs)\n",
        "pkg/load.py": "def load(path='../data/set/'):\n"
                       "    return float(open(path + 'a').read())\n",
        "pkg/__init__.py": "", "data/set/a": "8",
    })  # fmt: skip
    measured = prove_study(adopt(program).study).probe.measurement
    assert measured is not None
    assert measured.value == 8 / 2


def test_rungs_are_multiples_of_an_interval_that_no_shorter_run_reaches(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"net.py": (
        "iterations = 20\nfor i in range(iterations):\n    if (i + 1) % 10 == 0:\n"
        "        print(f'Iteration: {i + 1} ; error = {9 / (i + 1)}')\n"
    )})  # fmt: skip
    plan = adopt(program).plan
    assert [rung["iterations"] for rung in plan.rungs] == [10, 20, 30, 40]
    assert any("By itself it has 20" in note for note in plan.notes)


def test_the_smallest_rung_is_long_enough_for_seeds_to_differ(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"swarm.py": (
        "import random\nmaxiter, best = 32, 50.0\nfor i in range(maxiter):\n"
        "    print(f'iter: {i}, best solution: {best:.6f}')\n"
        "    if i > 2:\n        best -= random.random()\n"
    )})  # fmt: skip
    adopted = adopt(program)
    assert adopted.plan.rungs[0]["maxiter"] == 8
    assert any("for seeds to differ" in note for note in adopted.plan.notes)


def test_a_slow_start_is_not_taken_for_what_a_longer_run_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = lay(tmp_path / "p", {"net.py": (
        "import time\nhidden_dim, max_iters = 64, 320\ntime.sleep(0.4)\n"
        "print('loss', 1 / (hidden_dim + max_iters))\n"
    )})  # fmt: skip
    monkeypatch.setattr("proveout.loop._adopt._LARGER_SECONDS", 0.0)  # as if it took minutes
    study = adopt(program).study
    assert study.ladder.target.amount < 0.4 * 16 * 16 / 4
