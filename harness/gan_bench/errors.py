"""The project's own errors: one sentence that says what is wrong, where, and what to do."""


class GanBenchError(Exception):
    """A mistake of the user's or of the machine's that the tool can name in one sentence."""


class UsageError(GanBenchError):
    """Bad input: an unknown name, a value out of range, an unusable file (exit code 2)."""
