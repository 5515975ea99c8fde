"""What is drawn, and that a journal that is lost or damaged is written again."""

import pytest

from gan_bench.recipe import Between, OneOf

pytest.importorskip("optuna", reason="optuna is not installed")

from gan_bench.sensitivity.draws import Draws
from study_trials import RANGES


@pytest.fixture
def draws(tmp_path):
    def make(sampler="random", seed=0, ranges=RANGES, name="j.jsonl"):
        return Draws(tmp_path / name, "study", ranges, sampler, seed)

    return make


def values(of, count=200):
    return [of.values(number) for number in range(1, count + 1)]


def test_values_are_in_their_ranges_with_three_digits_and_repeat(draws):
    drawn = values(draws())
    assert drawn == values(draws(name="other.jsonl"))
    rates = [one["learning_rate"] for one in drawn]
    assert all(1e-5 <= rate <= 1e-2 and float(f"{rate:.3g}") == rate for rate in rates)
    assert 0.4 < sum(rate < 10**-3.5 for rate in rates) / len(rates) < 0.6
    assert {one["batch_size"] for one in drawn} == {16, 32, 64}
    assert {one["beta1"] for one in drawn} == {0.0, 0.5, 0.9}
    assert drawn != values(draws(seed=1))


def test_a_rounded_value_stays_in_its_range(draws):
    narrow = {"rate": Between(1.2344, 1.2346, log=False)}
    assert all(1.2344 <= one["rate"] <= 1.2346 for one in values(draws(ranges=narrow), 20))


def test_random_values_do_not_depend_on_earlier_trials_and_those_of_tpe_do(draws):
    for sampler, depends in (("random", False), ("tpe", True)):
        drawn = []
        for sign in (1, -1):
            of = draws(sampler, name=f"{sampler}{sign}.jsonl")
            for number in range(1, 16):
                chosen = of.values(number)
                of.add(number, chosen, f"run-{number}", sign * chosen["learning_rate"] + 1)
            drawn.append(of.values(16))
        assert (drawn[0] != drawn[1]) is depends


def test_the_journal_keeps_what_has_ended(draws):
    of = draws()
    chosen = of.values(1)
    of.add(1, chosen, "run-1", 30.0)
    of.add(3, of.values(3), "run-3", None)
    again = draws()
    assert again.ended(1).values == chosen and again.ended(1).run_id == "run-1"
    assert again.ended(2) is None and again.ended(3).run_id == "run-3"


@pytest.mark.parametrize("end", [b'{"op_code": 4, "wor', b"no journal\n", b'{"op_code": 4}\n'])
def test_a_damaged_journal_begins_anew_with_the_same_values(draws, tmp_path, end):
    of = draws()
    chosen = of.values(1)
    of.add(1, chosen, "run-1", 30.0)
    with (tmp_path / "j.jsonl").open("ab") as file:
        file.write(end)
    again = draws()
    assert again.ended(1) is None and again.values(1) == chosen
    again.add(1, chosen, "run-1", 30.0)
    assert draws().ended(1).values == chosen


def test_a_journal_of_other_fields_begins_anew(draws):
    draws(ranges={"beta1": OneOf((0.0, 0.5))}).add(1, {"beta1": 0.5}, "run-1", 30.0)
    assert draws().ended(1) is None


def test_optuna_reads_the_journal(draws, tmp_path):
    import optuna
    from optuna.storages.journal import JournalFileBackend

    of = draws()
    of.add(1, of.values(1), "run-1", 30.0)
    of.add(2, of.values(2), "run-2", None)
    backend = JournalFileBackend(str(tmp_path / "j.jsonl"))
    study = optuna.load_study(study_name="study", storage=optuna.storages.JournalStorage(backend))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED"]
    assert study.best_params == of.values(1) and study.best_value == 30.0
    assert [trial.user_attrs["run_id"] for trial in study.trials] == ["run-1", "run-2"]
