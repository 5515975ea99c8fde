"""Child processes of this package: a request goes in by stdin, answers come out by a pipe.

The parent asks one question with `ask`, several with a `Session`, or reads a stream of answers from
a `Child`. The module that it starts calls `reply`, `serve` or `run`.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn, Self

import psutil
from pydantic import BaseModel

from gan_bench.errors import GanBenchError
from gan_bench.system.files import last_lines
from gan_bench.system.processes import UTF8_OUTPUT, end, end_with_parent, signal_group

Say = Callable[[str], None]


class ChildDied(GanBenchError):
    """The child failed: how it ended, and its log or that log's last line.

    The message follows the child's name in a sentence.
    """

    overran = False
    """Whether it was stopped at its time limit."""


class ChildError(GanBenchError):
    """The child ran, and answered with an error message."""


class Child:
    """A running child process; leaving its context kills it and all its descendants.

    The child's ``stdout`` and ``stderr`` are appended to a log. If the child fails, the error names
    this file, or has the last line of a temporary one.
    """

    def __init__(
        self,
        module: str,
        request: BaseModel | Mapping[str, Any],
        *,
        environment: Mapping[str, str] | None = None,
        python: str | None = None,
        limit_s: float | None = None,
        log: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Start ``python -P -m module``, which calls `run`, `reply` or `serve`.

        Parameters
        ----------
        module
            The module's name.
        request
            What the child does.
        environment
            The child's environment variables (default: those of this process).
        python
            The interpreter (default: this one).
        limit_s
            Kill the child after this many seconds (default: never).
        log
            The log (default: a temporary file).
        pass_fds
            Open file descriptors that the child gets, under the same numbers.

        Raises
        ------
        OSError
            The interpreter cannot be started, or the log cannot be written.
        """
        content = request.model_dump(mode="json") if isinstance(request, BaseModel) else request
        self._keeps_log = log is not None
        # Closed with the child.
        self._log = log.open("ab") if log else tempfile.NamedTemporaryFile()  # noqa: SIM115
        reading_end, child_end = os.pipe()
        self.answers: IO[bytes] = os.fdopen(reading_end, "rb")
        try:
            self._process = subprocess.Popen(
                [python or sys.executable, "-P", "-m", module, str(child_end)],
                env={**(os.environ if environment is None else environment), **UTF8_OUTPUT},
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[child_end, *pass_fds],
                start_new_session=True,
            )
        except OSError:
            self.answers.close()
            self._log.close()
            raise
        finally:
            os.close(child_end)
        self._limit_s = limit_s
        self._overran = False
        self._timer: threading.Timer | None = None
        if limit_s is not None:
            self._timer = threading.Timer(limit_s, self._overrun)
            self._timer.daemon = True
            self._timer.start()
        assert self._process.stdin is not None
        # stdin stays open: when it closes, the child knows that this process is gone.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(content, default=str).encode() + b"\n")
            self._process.stdin.flush()

    def finish(self) -> None:
        """Wait until the child has ended.

        Raises
        ------
        ChildDied
            It failed, or ran into its time limit.
        """
        # Reap only after the group is dead: the PID could be reused.
        with contextlib.suppress(ChildProcessError):  # where SIGCHLD is ignored
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self._end()
        code = self._process.returncode
        if self._overran and code != 0:
            death = ChildDied(f"was stopped, as it had not ended after {self._limit_s:,.0f} s")
            death.overran = True
            raise death
        if code != 0:
            raise ChildDied(f"ended with exit code {code}{self.in_log()}")

    def in_log(self) -> str:
        """Return the end of an error message, which says what the child printed."""
        if self._keeps_log:
            return f"; see {self._log.name}"
        return f": {''.join(last_lines(Path(self._log.name))).strip().rstrip('.') or 'no output'}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self.answers.close()
        self._log.close()

    def _overrun(self) -> None:
        self._overran = True
        self._kill()

    def _kill(self) -> None:
        # Also processes that have left the group: they keep the pipe of the answers open.
        remaining: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            remaining = psutil.Process(self._process.pid).children(recursive=True)
        signal_group(self._process, signal.SIGKILL)
        end(remaining)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()  # it must not kill a later process with the same PID
        if self._process.returncode is None:
            self._kill()
            self._process.wait()


def ask(
    module: str,
    request: BaseModel | Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    python: str | None = None,
    limit_s: float | None = None,
    log: Path | None = None,
    say: Say | None = None,
) -> Any:
    """Ask a child process one question and return its answer, a JSON value.

    The other parameters are those of `Child`; ``say`` is called with each line of progress.

    Raises
    ------
    OSError
        The interpreter cannot be started, or the log cannot be written.
    ChildError
        The child answered with an error message.
    ChildDied
        The child died, ran into its time limit, or ended without a valid answer.
    """
    with Child(
        module, request, environment=environment, python=python, limit_s=limit_s, log=log
    ) as child:
        return _answer_of(child, say)


def _answer_of(child: Child, say: Say | None = None) -> Any:
    """Read a child's next answer; raise `ChildError` or `ChildDied` if there is none."""
    while line := child.answers.readline():
        if not line.endswith(b"\n"):
            break  # the child was killed while it wrote
        try:
            ((kind, content),) = json.loads(line).items()
        except (ValueError, AttributeError):
            invalid = f"gave an invalid answer ({line[:80]!r})"
            raise ChildDied(f"{invalid}{child.in_log()}") from None
        if kind == "progress" and say is not None:
            say(content)
        elif kind == "error":
            raise ChildError(content)
        elif kind == "answer":
            return content
    child.finish()
    raise ChildDied(f"ended without an answer{child.in_log()}")


class Session:
    """A child process that stays and answers one question after the other; see `serve`.

    The first answer, `ready`, is that to the request with which it was started. Leaving the context
    kills it, as with a `Child`.
    """

    def __init__(
        self,
        module: str,
        request: BaseModel | Mapping[str, Any],
        *,
        environment: Mapping[str, str] | None = None,
        python: str | None = None,
        limit_s: float,
    ) -> None:
        """Start ``python -P -m module``, and wait until it is ready.

        Parameters
        ----------
        module, request, environment, python
            See `Child`.
        limit_s
            The most seconds until it is ready, and for each answer.

        Raises
        ------
        OSError
            The interpreter cannot be started.
        ChildError, ChildDied
            See `ask`.
        """
        content = request.model_dump(mode="json") if isinstance(request, BaseModel) else request
        reading_end, writing_end = os.pipe()
        self._questions: IO[bytes] = os.fdopen(writing_end, "wb")
        self._limit_s = limit_s
        try:
            self._child = Child(
                module,
                {"request": content, "questions": reading_end},
                environment=environment,
                python=python,
                pass_fds=[reading_end],
            )
        except BaseException:
            self._questions.close()
            raise
        finally:
            os.close(reading_end)
        try:
            self.ready = self._answer()
        except BaseException:
            self.close()
            raise

    def ask(self, question: Mapping[str, Any]) -> Any:
        """Put a question, and return the answer; both are JSON values.

        Raises
        ------
        ChildError, ChildDied
            See `ask`.
        """
        with contextlib.suppress(BrokenPipeError):  # the answer says how it ended
            self._questions.write(json.dumps(question).encode() + b"\n")
            self._questions.flush()
        return self._answer()

    def _answer(self) -> Any:
        ready, _, _ = select.select([self._child.answers], [], [], self._limit_s)
        if not ready:
            death = ChildDied(f"gave no answer within {self._limit_s:,.0f} s")
            death.overran = True
            raise death
        return _answer_of(self._child)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the child and all its descendants."""
        self._child.__exit__(None, None, None)
        with contextlib.suppress(BrokenPipeError):
            self._questions.close()


def run(main: Callable[[bytes, IO[bytes]], None]) -> NoReturn:
    """Run a child's main function, then exit: with code 0, or with 1 after an exception.

    Parameters
    ----------
    main
        Called with the parent's request as JSON and the pipe to write answers to.
    """
    code = 0
    try:
        pipe = int(sys.argv[1])
        os.set_inheritable(pipe, False)
        with os.fdopen(pipe, "wb") as answers:
            request = sys.stdin.buffer.readline()
            end_with_parent()
            main(request, answers)
    except BaseException as error:  # noqa: BLE001 - a plugin may raise anything, even SystemExit
        code = 1
        with contextlib.suppress(Exception):
            traceback.print_exc()
            if isinstance(error, GanBenchError):
                sys.stderr.write(f"{error}\n")  # the last line, which the parent quotes
    _flush()
    # Skip the exit handlers of frameworks and plugins: they may hang or crash.
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a plugin may have closed or replaced it
            stream.flush()


def reply(answer: Callable[[bytes, Say], Any]) -> NoReturn:
    """Answer the parent's `ask`, then exit.

    Parameters
    ----------
    answer
        Called with the request as JSON and a function that reports progress; returns the answer,
        a JSON value. A `GanBenchError` that it raises is the answer, too.
    """

    def main(request: bytes, pipe: IO[bytes]) -> None:
        def send(kind: str, content: Any) -> None:
            _flush()  # the parent may kill this process as soon as it has the answer
            pipe.write(json.dumps({kind: content}).encode() + b"\n")
            pipe.flush()

        try:
            send("answer", answer(request, lambda line: send("progress", line)))
        except GanBenchError as error:
            send("error", str(error))

    run(main)


def serve(start: Callable[[Any], tuple[Any, Callable[[Any], Any]]]) -> NoReturn:
    """Answer the questions of the parent's `Session` until it closes, then exit.

    Parameters
    ----------
    start
        Called with the request; returns the first answer, and a function that returns the answer to
        each question. All of them are JSON values. A `GanBenchError` that either raises is the
        answer, too.
    """

    def main(content: bytes, pipe: IO[bytes]) -> None:
        request = json.loads(content)
        os.set_inheritable(request["questions"], False)

        def reply_with(answer: Callable[[], Any]) -> None:
            try:
                reply = {"answer": answer()}
            except GanBenchError as error:
                reply = {"error": str(error)}
            _flush()
            pipe.write(json.dumps(reply).encode() + b"\n")
            pipe.flush()

        answered: list[Callable[[Any], Any]] = []

        def first() -> Any:
            ready, answer = start(request["request"])
            answered.append(answer)
            return ready

        with os.fdopen(request["questions"], "rb") as questions:
            reply_with(first)
            for question in questions if answered else ():
                asked = json.loads(question)
                reply_with(lambda asked=asked: answered[0](asked))  # type: ignore[misc]

    run(main)
