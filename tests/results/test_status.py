"""Statuses: each is in the groups that it belongs to, and in no two that exclude each other."""

from typing import get_args

from gan_bench.results.events import parse_event
from gan_bench.results.status import (
    FAILED,
    RETRIED_ALWAYS,
    RETRIED_ON_REQUEST,
    REUSED,
    UNFINISHED,
    Status,
)

STATUSES = set(get_args(Status))


def test_every_status_is_either_reused_or_run_again():
    assert REUSED | RETRIED_ALWAYS == STATUSES
    assert not REUSED & RETRIED_ALWAYS
    assert not STATUSES & set(UNFINISHED)


def test_what_is_retried_on_request_has_failed_and_success_has_not():
    assert RETRIED_ON_REQUEST < FAILED < STATUSES
    assert FAILED.isdisjoint({"ok", "missing", "unsupported"})


def test_a_worker_can_name_every_failure_but_its_own_timeout():
    line = b'{"event": "failed", "attempt": 1, "time": 1.0, "kind": "%s", "reason": "", "step": 0, "peak_rss_mb": null}'  # noqa: E501
    named = {status for status in STATUSES if parse_event(line % status.encode())}
    assert named == STATUSES - {"ok", "timeout"}
