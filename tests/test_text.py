"""Error messages about unknown words."""

from gan_bench.text import did_you_mean


def test_the_nearest_known_word_is_suggested():
    assert did_you_mean("torch-dcgam", ["keras-gan", "torch-dcgan"]) == "did you mean torch-dcgan?"


def test_without_a_near_word_all_known_ones_are_listed():
    assert did_you_mean("zzz", ["cpu", "cuda"]) == "there are cpu, cuda."


def test_without_a_near_word_a_message_may_say_something_else():
    assert did_you_mean("zzz", {"cpu": 1}, "see `gan-bench list`.") == "see `gan-bench list`."
