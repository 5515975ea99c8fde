"""Checks of a machine, a cluster node or a results folder; repairs, and cleaning up."""
