"""Asking a child process: its answer, its death, its silence and its time limit."""

import contextlib
import os
import textwrap

import psutil
import pytest

from gan_bench.system.child import Child, ChildDied, ChildError, Session, ask

pytestmark = pytest.mark.process


@pytest.fixture
def module(tmp_path):
    """Write a module whose ``answer(request, say)`` has a body; return what `ask` needs."""

    def write(body):
        (tmp_path / "answering.py").write_text(
            "import json, os, signal, subprocess, sys, threading\n"
            "from gan_bench.errors import UsageError\n"
            "from gan_bench.system.child import reply\n"
            f"def answer(request, say):\n{textwrap.indent(body, '    ')}\n"
            "reply(answer)\n"
        )
        path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {"environment": {**os.environ, "PYTHONPATH": path}}

    return write


def test_a_child_answers_with_a_json_value_and_reports_progress(module):
    said = []
    asking = module('say("half"); return {"twice": 2 * json.loads(request)["number"]}')
    assert ask("answering", {"number": 21}, say=said.append, **asking) == {"twice": 42}
    assert said == ["half"]


def test_what_a_child_prints_is_no_answer(module):
    asking = module(
        'print(\'{"answer": "printed"}\', flush=True); os.write(1, b"x"); return "sent"'
    )
    assert ask("answering", {}, **asking) == "sent"


def test_a_users_error_in_the_child_is_an_error_of_the_same_words(module):
    with pytest.raises(ChildError, match=r"^There is no such thing\.$"):
        ask("answering", {}, **module('raise UsageError("There is no such thing.")'))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('raise ValueError("too odd")', "ended with exit code 1: ValueError: too odd"),
        ("sys.exit(0)", "ended with exit code 1: SystemExit: 0"),
        ('print("bye", flush=True); os._exit(7)', "ended with exit code 7: bye"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "ended with exit code -9: no output"),
        ('print("bye", flush=True); os._exit(0)', "ended without an answer: bye"),
        ("return object()", "ended with exit code 1: TypeError: Object of type object is not JSON"),
    ],
)
def test_a_child_that_dies_or_stays_silent_is_an_error_with_its_last_line(module, body, said):
    with pytest.raises(ChildDied) as death:
        ask("answering", {}, **module(body))
    assert said in str(death.value)


def test_what_a_child_prints_is_appended_to_its_log_which_its_error_names(module, tmp_path):
    log = tmp_path / "child.log"
    log.write_text("earlier\n")
    with pytest.raises(ChildDied) as death:
        ask("answering", {}, log=log, **module('print("bye", flush=True); os._exit(7)'))
    assert str(death.value) == f"ended with exit code 7; see {log}"
    assert log.read_text() == "earlier\nbye\n"


@pytest.mark.parametrize("line", ["nonsense", "[1]", "{}", '{"a": 1, "b": 2}'])
def test_an_answer_that_is_none_is_an_error(module, line):
    body = f"os.write(int(sys.argv[1]), {line.encode() + bytes([10])!r}); return 0"
    with pytest.raises(ChildDied, match="gave an invalid answer"):
        ask("answering", {}, **module(body))


def test_an_invalid_answer_names_the_log(module, tmp_path):
    log = tmp_path / "child.log"
    body = "os.write(int(sys.argv[1]), b'nonsense\\n'); return 0"
    with pytest.raises(ChildDied) as death:
        ask("answering", {}, log=log, **module(body))
    assert str(death.value) == f"gave an invalid answer (b'nonsense\\n'); see {log}"


PRINTS = """
sys.stderr = open(2, "w", closefd=False)  # with a buffer: a library may replace it
sys.stdout.write("out ")
sys.stderr.write("err ")
"""


class Heard(Exception):
    """The parent has heard of something."""


def test_what_a_child_printed_is_in_its_log_before_its_parent_hears_of_anything(module, tmp_path):
    log = tmp_path / "child.log"

    def hear(line):
        raise Heard

    with pytest.raises(Heard):  # the child is killed
        body = f"{PRINTS}say('half'); threading.Event().wait()"
        ask("answering", {}, log=log, say=hear, **module(body))
    assert sorted(log.read_text().split()) == ["err", "out"]


@pytest.mark.parametrize("end", ["return 1", 'raise UsageError("No.")'])
def test_what_a_child_printed_is_in_its_log_before_it_answers(module, tmp_path, end):
    log = tmp_path / "child.log"
    with contextlib.suppress(ChildError):
        ask("answering", {}, log=log, **module(PRINTS + end))
    assert sorted(log.read_text().split()) == ["err", "out"]


def test_a_child_killed_while_it_answers_has_died(module):
    body = "os.write(int(sys.argv[1]), b'{\"answer\": 4'); os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(ChildDied, match="ended with exit code -9"):
        ask("answering", {}, **module(body))


def test_a_child_that_runs_into_its_time_limit_is_killed_with_its_own_children(module):
    pids = []
    body = (
        "sleeper = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "say(sleeper.pid)\n"
        "threading.Event().wait()"
    )
    with pytest.raises(ChildDied, match="was stopped, as it had not ended after 3 s"):
        ask("answering", {}, limit_s=3, say=pids.append, **module(body))
    assert len(pids) == 1 and not psutil.pid_exists(pids[0])


def test_an_interpreter_that_is_not_there_is_an_oserror():
    with pytest.raises(OSError, match="no/python"):
        ask("json", {}, python="/no/python")


def test_a_child_ends_when_its_context_is_left(module):
    asking = module("threading.Event().wait()")
    with Child("answering", {}, **asking) as child:
        process = child._process
    assert process.returncode == -9


@pytest.fixture
def serving(tmp_path):
    """Write a module whose ``answer(asked)`` has a body; return what a `Session` needs."""

    def write(body, start="return {'got': request}, answer"):
        (tmp_path / "serving.py").write_text(
            "import os, sys, time\n"
            "from gan_bench.errors import UsageError\n"
            "from gan_bench.system.child import serve\n"
            f"def answer(asked):\n{textwrap.indent(body, '    ')}\n"
            f"def start(request):\n    {start}\n"
            "serve(start)\n"
        )
        path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {"environment": {**os.environ, "PYTHONPATH": path}, "limit_s": 60.0}

    return write


def children():
    """The processes of the sessions here; an earlier test of this process may have left others."""
    found = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it has ended
            if "serving" in child.cmdline():
                found.add(child)
    return found


def test_a_session_answers_one_question_after_the_other(serving):
    asking = serving("print('noise', flush=True); return {'twice': 2 * asked['number']}")
    with Session("serving", {"a": 1}, **asking) as session:
        assert session.ready == {"got": {"a": 1}}
        assert [session.ask({"number": n})["twice"] for n in range(3)] == [0, 2, 4]
        (child,) = children()
    assert not child.is_running()


def test_a_users_error_in_a_session_is_the_answer_to_one_question(serving):
    asking = serving("if asked['wrong']: raise UsageError('Not that.')\nreturn 'fine'")
    with Session("serving", {}, **asking) as session:
        with pytest.raises(ChildError, match=r"^Not that\.$"):
            session.ask({"wrong": True})
        assert session.ask({"wrong": False}) == "fine"


def test_a_session_that_cannot_start_says_why_and_leaves_no_process(serving):
    with pytest.raises(ChildError, match=r"^No\.$"):
        Session("serving", {}, **serving("return 1", "raise UsageError('No.')"))
    assert children() == set()


def test_a_session_that_dies_or_hangs_is_an_error(serving):
    asking = serving("print('bye', flush=True); os._exit(7)")
    with Session("serving", {}, **asking) as session:
        with pytest.raises(ChildDied, match="ended with exit code 7: bye"):
            session.ask({})
        with pytest.raises(ChildDied):
            session.ask({})  # it stays dead
    asking = serving("time.sleep(600)") | {"limit_s": 2.0}
    with Session("serving", {}, **asking) as session:
        with pytest.raises(ChildDied, match="gave no answer within 2 s") as death:
            session.ask({})
        assert death.value.overran
