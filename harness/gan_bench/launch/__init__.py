"""Run one plan on this machine: start, supervise, record and score each run."""
