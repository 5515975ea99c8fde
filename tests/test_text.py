"""Numbers, durations and tables as a reader sees them."""

import math

import pytest

from gan_bench.text import (
    Column,
    Table,
    did_you_mean,
    duration,
    factor,
    figure,
    many,
    percent,
    told_apart,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (99.94, "99.9"),
        (99.96, "100"),
        (-99.96, "-100"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (-9.996, "-10.0"),
        (999.4, "999"),
        (999.6, "1,000"),
        (0.9996, "1.00"),
        (0.0009996, "0.00100"),
        (0.0009994, "9.99e-04"),
        (0.00001234, "1.23e-05"),
        (1_234_567.0, "1,234,567"),
        (0.0, "0"),
        (-0.0, "0"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "—"),
        (None, "—"),
    ],
)
def test_a_figure_is_rounded_before_its_digits_are_counted(value, text):
    assert figure(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(99.996, "100.0"), (123_456.0, "123,456"), (0.5204, "0.5204"), (12.5, "12.50")],
)
def test_a_figure_may_have_more_digits(value, text):
    assert figure(value, 4) == text


def test_a_count_has_no_decimals():
    assert [figure(value, whole=True) for value in (10.0, 9.5, 1_000.0)] == ["10", "9.50", "1,000"]
    assert figure(None, whole=True) == figure(math.nan, whole=True) == "—"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0994, "0.099"),
        (0.0997, "0.10"),
        (1.994, "1.99"),
        (1.996, "2.0"),
        (9.94, "9.9"),
        (9.96, "10"),
        (1_234.0, "1,234"),
    ],
)
def test_a_factor_is_rounded_before_its_digits_are_counted(value, text):
    assert factor(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "—"),
        (0.0, "0 s"),
        (0.0123, "0.012 s"),
        (2.54, "2.5 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125.0, "2 min 05 s"),
        (3_599.7, "1 h 00 min"),
        (12_000.0, "3 h 20 min"),
    ],
)
def test_a_duration_is_in_the_units_that_people_use(seconds, text):
    assert duration(seconds) == text


def test_a_percentage_has_no_needless_zeros():
    assert [percent(share) for share in (0.05, 0.025, 1.0)] == ["5%", "2.5%", "100%"]


TABLE = Table(
    (Column("run", "name"), Column("FID", "number"), Column("why")),
    [("a|b", "1.50", "<i>"), ("c", "22.1", "two\nlines")],
)


def test_a_table_as_markdown_is_escaped_and_aligned():
    assert TABLE.to_markdown().splitlines() == [
        "| run | FID | why |",
        "| :--- | ---: | :--- |",
        "| a\\|b | 1.50 | &lt;i&gt; |",
        "| c | 22.1 | two lines |",
    ]


def test_a_table_as_records_is_a_dictionary_for_each_row():
    assert TABLE.records()[1] == {"run": "c", "FID": "22.1", "why": "two\nlines"}


def test_a_table_leaves_out_the_columns_that_need_a_wider_page():
    table = Table((Column("run"), Column("FID", from_width=80)), [("a", "1")])
    assert [column.title for column in table.fitting(79).columns] == ["run"]
    assert table.fitting(79).rows == [("a",)]
    assert table.fitting(80).rows == [("a", "1")]


def test_the_nearest_known_word_is_suggested():
    assert did_you_mean("torch-dcgam", ["keras-gan", "torch-dcgan"]) == "did you mean torch-dcgan?"


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("lr", ["beta1", "learning_rate"], "did you mean learning_rate?"),
        ("fid", ["kid_lenet", "fid_lenet"], "did you mean fid_lenet?"),
        ("fid", ["fid_lenet", "fid_inception"], "did you mean fid_lenet or fid_inception?"),
    ],
)
def test_initials_and_parts_of_a_word_are_near_it(word, known, said):
    assert did_you_mean(word, known) == said


def test_without_a_near_word_all_known_ones_are_listed():
    assert did_you_mean("zzz", ["cpu", "cuda"]) == "there are cpu, cuda."


def test_without_a_near_word_a_message_may_say_something_else():
    assert did_you_mean("zzz", {"cpu": 1}, "see `gan-bench list`.") == "see `gan-bench list`."


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (0, ("seed",), "0 seeds"),
        (1, ("seed",), "1 seed"),
        (1_234, ("finished run",), "1,234 finished runs"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
    ],
)
def test_a_noun_is_in_the_plural_unless_there_is_one(number, words, text):
    assert many(number, *words) == text


def test_a_percentage_may_have_a_number_of_decimals_and_a_sign():
    assert [percent(0.05, 1), percent(0.0523, 0), percent(0.999, 2)] == ["5.0%", "5%", "99.90%"]
    assert [percent(x, 1, signed=True) for x in (0.05, -0.05)] == ["+5.0%", "-5.0%"]
    assert percent(0.05, signed=True) == "+5%"


def test_things_of_one_name_are_told_apart_by_what_differs():
    facts = [{"a": "a=1", "b": "b=2"}, {"a": "a=1", "b": "b=3"}, {"a": "a=1"}]
    assert told_apart("gan", facts) == ["gan (b=2)", "gan (b=3)", "gan (b none)"]
    assert told_apart("gan", facts[:1]) == ["gan"]


def test_a_table_in_html_has_no_markup_of_its_cells():
    table = Table([Column("name"), Column("<n>", "number")], [("<b>x</b>", 1)])
    page = table.to_html()
    assert page.count("<tr>") == 2 and "&lt;b&gt;x" in page and "<b>" not in page
    assert '<td style="text-align: right">1</td>' in page
