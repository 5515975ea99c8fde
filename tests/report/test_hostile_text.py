"""Hostile text is shown as text everywhere."""

import json

import pytest

from gan_bench.plugins.registry import Implementation
from report_folder import MACHINE, add_run, run_spec, scores_of, some_losses
from written_report import CURVE, HOSTILE, KEPT, classes_of, scores_with, shown, visible


def test_hostile_text_is_shown_as_text_everywhere(results, report):
    name = "_torch-<b>x|y<b>_$z$"
    implementation = Implementation(
        name=name, framework="torch", recipe="<i>r</i>", attribute="T", path="/p/x.py"
    )
    spec = run_spec(
        implementation=implementation,
        recipe_values={"epochs": 25, HOSTILE: HOSTILE},
        conventions={f"pinned {HOSTILE}": f"as {HOSTILE}"},
        versions={"python": HOSTILE, "torch": "2.1.0"},
    )
    machine = MACHINE.model_copy(update={"cpu": HOSTILE, "system": HOSTILE})
    where = {"machine": machine, "command": f"command {HOSTILE}", "git_commit": HOSTILE}
    scores = scores_of(CURVE, status="error", reason=f"scoring {HOSTILE}")
    update = {"warnings": (f"warning {HOSTILE}",), "floor_reason": f"floor {HOSTILE}"}
    scores = scores.model_copy(update=update | {"floor": {"fid_lenet": None}})
    add_run(
        results, spec, scores=[scores], losses=some_losses(600), grids=KEPT, circumstances=where
    )
    failed = spec.model_copy(update={"seed": 1})
    told = {"reason": f"reason {HOSTILE}", "log_tail": f"log {HOSTILE}\n</pre></details>\n\n# out"}
    add_run(results, failed, status="error", circumstances=where, **told)
    found = report(title=f"title {HOSTILE}")
    expected = visible(HOSTILE)
    for text in found.both():
        for word in ("title", "reason", "log", "command", "warning", "floor", "scoring", "as"):
            assert f"{word} {expected}" in text, word
        assert f"python {expected}" in text and name in text
        assert f"{expected}, 2 cores" in text
    forms = ((found.page, 4, None), (found.rendered, 0, 1), (found.rendered_short, 0, 1))
    for tree, scripts, links in forms:
        tags = [element.tag for element in tree.iter()]
        assert tags.count("script") == scripts
        assert tags.count("h1") == 1
        assert tags.count("em") in (0, 2)  # floor and ceiling
        assert not {"b", "i"} & set(tags)
        assert not [element for element in tree.iter() if "onerror" in element.attrib]
        if links is not None:  # to the other page; the HTML has its own anchors
            assert tags.count("a") == links
    assert "code" not in {element.tag for element in [*found.page.iter(), *found.rendered.iter()]}
    data = json.dumps(found.data, ensure_ascii=False)
    assert not set("\0\x1b") & set(found.html + found.markdown + found.short + data)
    facts = found.facts(name)
    assert {visible(name) for name in facts} >= {expected, f"pinned {expected}"}
    [text] = [text for name, (text, _) in facts.items() if visible(name) == expected]
    assert text == shown(HOSTILE)


def test_hostile_labels_are_the_same_in_the_page_and_in_its_data(results, report):
    for seed in range(2):
        for note in (HOSTILE, "\r\n\x1b[31mred\x1b[0m"):
            spec = run_spec("torch-dcgan", seed, recipe_values={"epochs": 25, "note": note})
            scores = scores_with(classes_of(2.0, (0.5, 0.5)))
            add_run(results, spec, scores=[scores], losses=some_losses(600), grids=KEPT)
    found = report()
    toggles = {box.get("data-toggle") for box in found.section("curves").iter("input")}
    assert len(toggles) == 2
    assert f"torch-dcgan (note={shown(HOSTILE)})" in toggles
    for name in ("fid-images-0", "loss-generator-0"):
        labels = {trace.get("meta") for trace in found.chart(name)} - {None}
        assert labels == toggles, name
    options = found.page.findall(".//select[@id='compare-a']/option")
    assert {option.get("value") for option in options} == set(found.data["compare"])
    assert {option.get("data-of") for option in options} == toggles
    a, b = (option.get("value") for option in options)
    assert set(found.data["sentences"]) & {f"{a}\n{b}", f"{b}\n{a}"}
    figures = {figure.get("data-label") for figure in found.page.iter("figure")} - {None}
    assert figures == toggles
    for text in found.both():
        assert visible(f"torch-dcgan (note={HOSTILE})") in text


@pytest.mark.slow
def test_hostile_names_of_implementations_make_a_page(results, written_report):
    names = ["torch-<b>\"x\" & 'y' | `z` \N{DUCK}", "keras-\N{HEBREW LETTER SHIN}\nb_$z$ </b>"]
    names = [name.replace("/", "") for name in names]
    for seed in range(3):
        for place, name in enumerate(names):
            scores = [scores_of({0: 150.0, 300: 20.0, 600: 4.0 + place + 0.01 * seed})]
            add_run(
                results, run_spec(name, seed), scores=scores, losses=some_losses(600), grids=KEPT
            )
    found = written_report()
    [first, second, *_] = found.ranking()
    assert [first, second] == [visible(name) for name in names]
    assert list(found.data["compare"]) == names
    for text in found.both():
        for name in names:
            assert visible(name) in text
    assert "b" not in {element.tag for element in [*found.page.iter(), *found.rendered.iter()]}
