"""Tables of runs of several ideas as people have them, and every mistake named where it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from proveout.errors import DataError, UserError
from proveout.points import IdeaRuns, read_idea_runs
from proveout.points._amounts import meaning_of, parse_amount

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "runs.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def table(header: str, *rows: str) -> str:
    return "\n".join([header, *rows]) + "\n"


def losses(runs: IdeaRuns) -> list[float | None]:
    return [run.loss for run in runs.runs]


def test_the_four_columns_are_read_as_they_stand(write: Write) -> None:
    runs = read_idea_runs(write("idea,scale,seed,loss\nbase,1e10,0,3.5\nmuon,1e11,1,3.25\n"))
    assert [tuple(run) for run in runs.runs] == [
        (2, "base", 1e10, "0", 3.5, False),
        (3, "muon", 1e11, "1", 3.25, False),
    ]
    assert (runs.unit, runs.times, runs.ignored, runs.warnings) == ("flops", 1.0, (), ())
    assert runs.ideas == ("base", "muon")


@pytest.mark.parametrize(
    ("header", "unit"),
    [("Optimizer,FLOPs,Replicate,Eval-Loss", "flops"), ("method,C,rep,bpb", "flops"),
     ("variant,model_size,seed,val_loss", "params"), ("name,N,run,bits_per_byte", "params"),
     ("arm,training tokens,seed,L", "tokens"), ("recipe,D,seed,nll", "tokens"),
     ("model,GPU hours,seed,loss", "seconds"), ("model,A100-days,fold,Test PPL", "seconds"),
     ("method,total_flos,seed,val loss (c4)", "flops"), ("method,n_train,seed,rmse", "examples"),
     ("config,Scale,random_seed,loss", "flops")],
)  # fmt: skip
def test_columns_are_found_by_the_names_that_people_give_them(
    header: str, unit: str, write: Write
) -> None:
    runs = read_idea_runs(write(table(header, "a,1e18,0,3", "b,1e19,0,2")))
    assert runs.unit == unit
    assert losses(runs) == [3.0, 2.0]
    assert set(runs.columns) == {"idea", "scale", "seed", "loss"}


def test_the_plain_name_is_taken_before_others(write: Write) -> None:
    text = table("idea,model,scale,params,seed,run,loss,note", "a,x,1e18,7,0,r1,3,n",
                 "b,y,1e18,8,0,r2,3,n")  # fmt: skip
    runs = read_idea_runs(write(text))
    assert runs.columns == {"idea": "idea", "scale": "scale", "seed": "seed", "loss": "loss"}
    assert runs.ignored == ("model", "params", "run", "note")


def test_the_unit_that_is_asked_for_chooses_among_columns(write: Write) -> None:
    path = write(table("idea,params,tokens,loss", "a,1e8,2e9,3", "b,1e8,2e9,2"))
    assert read_idea_runs(path, unit="tokens").columns["scale"] == "tokens"
    named = read_idea_runs(path, {"scale": "params"})
    assert (named.unit, named.runs[0].scale) == ("params", 1e8)
    with pytest.raises(DataError, match=r"could be the scale: params, tokens; say .*--unit params"):
        read_idea_runs(path)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("130M", 1.3e8, None), ("1.2B", 1.2e9, None), ("3e19", 3e19, None), ("1_000", 1e3, None),
     ("1e12 flops", 1e12, "flops"), ("1e12FLOPs", 1e12, "flops"), ("2 tflops", 2e12, "flops"),
     ("1.2B params", 1.2e9, "params"), ("7 b parameters", 7e9, "params"),
     ("5T tokens", 5e12, "tokens"),
     ("5 min", 300.0, "seconds"), ("2h", 7200.0, "seconds"), ("8 GPU-hours", 28800.0, "seconds"),
     ("3 days", 259200.0, "seconds"), ("1 s", 1.0, "seconds")],
)  # fmt: skip
def test_amounts_as_the_field_writes_them(text: str, value: float, unit: str | None) -> None:
    assert parse_amount(text) == (pytest.approx(value, rel=1e-12), unit)


@pytest.mark.parametrize("text", ["", "7 lamps", "flops", "-1 flops", "0", "nan", "1e99 flops"])
def test_what_is_no_amount_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is "):
        parse_amount(text)


@pytest.mark.parametrize(
    ("column", "unit", "times"),
    [("gpu_hours", "seconds", 3600.0), ("Minutes", "seconds", 60.0), ("wall time", "seconds", 1.0),
     ("nonemb_params_m", "params", 1.0), ("FLOPs (train)", "flops", 1.0), ("width", None, 1.0)],
)  # fmt: skip
def test_a_columns_name_says_what_its_numbers_count(
    column: str, unit: str | None, times: float
) -> None:
    assert meaning_of(column) == (unit, times)


def test_hours_become_seconds_and_so_does_the_target(write: Write) -> None:
    runs = read_idea_runs(write(table("idea,gpu_hours,loss", "a,1,3", "b,90 minutes,2")))
    assert [run.scale for run in runs.runs] == [3600.0, 5400.0]
    assert runs.amount("1000") == runs.amount("1000 gpu-hours") == 3.6e6
    with pytest.raises(ValueError, match="scales are seconds"):
        runs.amount("1e12 flops")


def test_cells_say_the_unit_where_the_name_does_not(write: Write) -> None:
    runs = read_idea_runs(write(table("idea,scale,loss", "a,130M params,3", "b,1.2B,2")))
    assert (runs.unit, runs.amount("7B")) == ("params", 7e9)
    mixed = write(table("idea,scale,loss", "a,130M params,3", "b,1e18 flops,2"))
    with pytest.raises(DataError, match="line 2 is in params, line 3 in flops"):
        read_idea_runs(mixed)
    against = write(table("idea,tokens,loss", "a,130M params,3", "b,1e18,2"))
    with pytest.raises(DataError, match=r"line 2, column tokens.*says params.*--unit"):
        read_idea_runs(against)
    assert read_idea_runs(against, unit="params").unit == "params"


def test_runs_without_a_loss_are_kept_and_failures_told_apart(write: Write) -> None:
    text = table(
        "idea,scale,seed,loss", "a,1e10,0,3", "a,1e10,1,Diverged", "b,1e10,0,", "b,1e10,1,n/a",
        "b,1e10,2,NaN", "b,1e10,3,-inf",
    )  # fmt: skip
    runs = read_idea_runs(write(text))
    assert losses(runs) == [3.0, *[None] * 5]
    assert [run.failed for run in runs.runs] == [False, True, False, False, True, True]
    told = table(
        "idea,scale,loss,failure", "a,1e10,3,", "b,1e10,,crashed", "b,1e10,,", "c,1e10,,ok"
    )
    assert [run.failed for run in read_idea_runs(write(told)).runs] == [False, True, False, False]


def test_losses_may_have_any_sign_and_seeds_any_name(write: Write) -> None:
    text = table(
        "idea,scale,seed,loss", "a,1e10,0.0,-3", "a,1e10,1.0,0", "b,1e10,x.0,1e-12", "b,1e10,,2"
    )
    runs = read_idea_runs(write(text))
    assert losses(runs) == [-3.0, 0.0, 1e-12, 2.0]
    assert [run.seed for run in runs.runs] == ["0", "1", "x.0", None]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "such as idea,scale,seed,loss"),
        ("idea\na\n", "needs an idea, a scale and a loss"),
        ("1,2,3\n4,5,6\n", "such as idea,scale,seed,loss"),
        ("what,scale,loss\na,1,2\nb,1,2\n", "known as the idea; the columns are what, scale, loss"),
        ("idea,width,loss\na,1,2\nb,1,2\n", "scale=COLUMN and what it counts with --unit"),
        ("idea,scale,quality\na,1,2\nb,1,2\n", "--loss COLUMN, and --higher-is-better"),
        ('idea,scale,loss\na,1e9,"3,412"\nb,1e9,"2,108"\n', "line 2, column loss: is '3,412'"),
        ("idea,scale,loss,val_loss\na,1,2,2\n", "could be the loss: loss, val_loss"),
        ("model,optimizer,scale,loss\na,b,1,2\n", "could be the idea: model, optimizer"),
        ("idea,scale,loss\na,1e9,3\nb,1e9,oops\n", "line 3, column loss: is 'oops', not a number"),
        ("idea,scale,loss\na,1e9,3\nb,1e9,1e32\n", "must lie within 1e+30 of zero"),
        ("idea,scale,loss\na,1e9,3\n ,1e9,2\n", "line 3, column idea: is empty"),
        ("idea,scale,loss\na,1e9,3\nb,0,2\n", "column scale: is '0'; it must be above zero"),
        ("idea,scale,loss\na,1e9,3\nb,-5,2\n", "line 3, column scale"),
        ("idea,scale,loss\na,1e9,3\nb,big,2\n", "line 3, column scale: is 'big'"),
        ("idea,scale,loss\na,x,3\nb,1,y\n", "2 cells that cannot be used"),
        ("idea,scale,loss\na,1e9,3\na,1e10,2\n", "one idea, 'a': there is nothing to compare"),
        ("idea,scale,seed,loss\na,1,0,3\nb,1,0,2\nb,1,0.0,2\n", "line 4: b at 1 with seed 0"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_says_why_and_where(text: str, told: str, write: Write) -> None:
    path = write(text)
    with pytest.raises(DataError) as error:
        read_idea_runs(path)
    assert str(path) in str(error.value)
    assert told in str(error.value)


def test_options_that_are_not_known_say_what_is(write: Write) -> None:
    path = write(table("idea,scale,loss", "a,1e10,3", "b,1e10,2"))
    with pytest.raises(UserError, match="flops, params, tokens, examples"):
        read_idea_runs(path, unit="epochs")
    with pytest.raises(UserError, match="idea, scale, seed, loss"):
        read_idea_runs(path, {"size": "scale"})
    with pytest.raises(DataError, match="no column 'nope' for scale"):
        read_idea_runs(path, {"scale": "nope"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("idea,scale,loss\na,70,3\nb,1e3,2\n", "taken as FLOPs, and the largest is 1000"),
        ("idea,width,loss\na,7e10,3\nb,1e11,2\n", "column width are taken as FLOPs"),
        ("idea,scale,loss\nMuon,1e10,3\nmuon,1e10,2\n", "Muon and muon differ in capitals only"),
        ("idea,scale,quality\na,1e10,.3\nb,1e10,.2\n", "less quality is taken as better"),
        ("idea,scale,lr,loss\na,1e10,1,3\na,1e10,2,3\nb,1e10,1,2\nb,1e10,2,2\na,1e11,1,2\na,1e11,2,2\n",
         "differ in lr and are taken as repeats"),
    ],
)  # fmt: skip
def test_what_may_be_misread_is_told(text: str, told: str, write: Write) -> None:
    named = {"scale": "width"} if "width" in text else {}
    named |= {"loss": "quality"} if "quality" in text else {}
    (warning,) = read_idea_runs(write(text), named).warnings
    assert told in warning


def test_more_may_be_better(write: Write) -> None:
    path = write(table("idea,scale,accuracy,loss", "a,1e10,.3,3", "b,1e10,.2,2"))
    assert losses(read_idea_runs(path)) == [3.0, 2.0]
    runs = read_idea_runs(path, higher_is_better=True)
    assert (losses(runs), runs.warnings) == ([0.3, 0.2], ())


TALL = [("base", 1.25e8, 3.5), ("base", 1.3e9, 3.1), ("muon", 1.25e8, 3.4), ("muon", 1.3e9, 3.05)]


@pytest.mark.parametrize(
    "text",
    [
        "method,loss_125M,loss_1.3B\nbase,3.5,3.1\nmuon,3.4,3.05\n",
        "method,125M,1.3B\nbase,3.5,3.1\nmuon,3.4,3.05\n",
        "params,base,muon\n125M,3.5,3.4\n1.3B,3.1,3.05\n",
        "method,params,seed0,seed1\nbase,125M,3.5,\nbase,1.3B,,3.1\nmuon,125M,3.4,\nmuon,1.3B,,3.05\n",
    ],
    ids=["a column a scale", "scales alone", "a column an idea", "a column a seed"],
)
def test_wide_tables_are_read_and_that_is_told(text: str, write: Write) -> None:
    runs = read_idea_runs(write(text), unit="params")
    assert sorted((run.idea, run.scale, run.loss) for run in runs.runs) == TALL
    assert any("the table is wide: its columns" in each for each in runs.warnings)


@pytest.mark.parametrize(
    "text",
    [
        '"Name","State","config.method","config.params","Runtime","train/loss","val/loss"\n'
        + "".join(f'"wave-{i}","finished","{idea}","{scale:.0f}","{90 + i}","9","{loss}"\n'
                  for i, (idea, scale, loss) in enumerate(TALL)),
        "run_id,status,metrics.loss,params.optimizer,params.n_params\n"
        + "".join(f"{i:x},FINISHED,{loss},{idea},{scale:g}\n"
                  for i, (idea, scale, loss) in enumerate(TALL)),
        ",model,optimizer,loss\n"
        + "".join(f"{i},{scale / 1e6:g}M,{idea},{loss}\n"
                  for i, (idea, scale, loss) in enumerate(TALL)),
        "idea;params;loss\n"
        + "".join(f"{idea};{scale:,.0f};{loss:.2f}\n".replace(".", "_").replace(",", ".")
                  .replace("_", ",") for idea, scale, loss in TALL),
        "idea,params,loss\n"
        + "".join(f'{idea},"{scale:,.0f}",{loss} ± 0.01\n' for idea, scale, loss in TALL),
        "".join(f'{{"idea": "{idea}", "params": {scale}, "metrics": {{"loss": {loss}}}}}\n'
                for idea, scale, loss in TALL),
        "| idea | params | loss |\n|---|--:|:-:|\n"
        + "".join(f"| {idea} | {scale:g} | {loss} |\n" for idea, scale, loss in TALL),
        ' "idea" , "params" , "loss"\n'
        + "".join(f' "{idea}" , "{scale:g}" , "{loss}" \n' for idea, scale, loss in TALL),
        "idea params loss\n"
        + "".join(f"{i} {idea}  {scale:g}   {loss}\n" for i, (idea, scale, loss) in
                  enumerate(TALL)),
    ],
    ids=["W&B", "MLflow", "model is a size", "German", "thousands", "JSON lines", "Markdown",
         "spaced quotes", "data frame"],
)  # fmt: skip
def test_tables_as_other_tools_write_them(text: str, write: Write) -> None:
    runs = read_idea_runs(write(text))
    assert [(run.idea, run.scale, run.loss) for run in runs.runs] == TALL
    assert runs.unit == "params"


def test_flops_follow_from_params_and_tokens_where_they_are_asked_for(write: Write) -> None:
    path = write(table("idea,params,tokens,loss", "a,1e8,2B,3", "b,2e8,4B,2"))
    runs = read_idea_runs(path, unit="flops")
    assert [run.scale for run in runs.runs] == pytest.approx([1.2e18, 4.8e18])
    assert any("6 × params × tokens" in each for each in runs.warnings)


def test_an_accuracy_is_known_by_its_name_and_in_per_cent(write: Write) -> None:
    runs = read_idea_runs(write(table("idea,flops,accuracy", "a,1e18,71.3%", "b,1e18,70.2 %")))
    assert (losses(runs), runs.higher_is_better) == ([71.3, 70.2], True)


def test_of_rows_of_one_run_the_last_step_counts_and_copies_count_once(write: Write) -> None:
    curve = table("idea,flops,seed,step,loss", "a,1e18,0,10,4", "a,1e18,0,30,3", "a,1e18,0,20,3.5",
                  "b,1e19,0,300,2")  # fmt: skip
    runs = read_idea_runs(write(curve))
    assert [(run.line, run.loss) for run in runs.runs] == [(3, 3.0), (5, 2.0)]
    assert any("last step of each run counts; 2 earlier rows" in each for each in runs.warnings)
    copied = table(",idea,flops,seed,loss", "0,a,1e18,0,3", "1,b,1e18,0,2", "2,b,1e18,0,2")
    assert read_idea_runs(write(copied)).ideas == ("a", "b")
    with pytest.raises(DataError, match=r"seed 0 is there on line 2 already \(they differ in lr\)"):
        read_idea_runs(write(table("idea,flops,seed,lr,loss", "a,1e18,0,1,3", "a,1e18,0,2,4")))


def test_a_table_of_settings_is_not_taken_for_a_wide_one(write: Write) -> None:
    for text in ("flops,lr,L_c4\n1e18,1,3\n1e18,2,2\n", "idea,loss,1,2\na,3,7,8\nb,2,7,8\n"):
        with pytest.raises(DataError, match="known as the"):
            read_idea_runs(write(text))


TRACKED = (
    "Name,State,method,n_params,seed,val_loss", "a1,finished,base,1e7,0,3", "a2,,base,1e8,0,2.8",
    "b1,finished,new,1e7,0,2.9", "b2,crashed,new,1e8,0,3.6", "b3,running,new,1e8,1,3.4",
    "b4,Killed,new,1e9,0,3.2",
)  # fmt: skip


def test_a_last_loss_of_a_run_that_did_not_finish_is_none(write: Write) -> None:
    runs = read_idea_runs(write(table(*TRACKED)))
    assert losses(runs) == [3.0, 2.8, 2.9, None, None, None]
    assert [run.failed for run in runs.runs] == [False, False, False, True, False, True]
    assert runs.warnings == (
        "2 runs failed, as State says, whatever the last loss (lines 5, 7)",
        "1 run not finished, as State says, passed over (line 6)",
    )


def test_a_crashed_run_that_was_run_again_counts_as_it_ended_then(write: Write) -> None:
    runs = read_idea_runs(write(table(*TRACKED[:-2], "b9,finished,new,1e8,0,2.7")))
    assert losses(runs) == [3.0, 2.8, 2.9, 2.7]


def test_emphasis_in_markdown_is_taken_off(write: Write) -> None:
    text = table("| **Method** | Params | Val loss |", "|:--|--:|--:|", "| base | 125M | 3.20 |",
                 "| `ours` | 125M | **3.10** ± 0.01 |", "| **x*y** | 125M | ***3.0*** |",
                 "| __a_b__ | 125M | _3.1_ |")  # fmt: skip
    runs = read_idea_runs(write(text))
    assert runs.ideas == ("base", "ours", "x*y", "a_b")
    assert losses(runs) == [3.2, 3.1, 3.0, 3.1]
