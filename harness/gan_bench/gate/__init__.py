"""Fail when an implementation is worse than its baseline."""
