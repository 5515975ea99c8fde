"""The upkeep of a results folder: what is wrong in it, what can be rebuilt, and what may go."""
