"""The scheduler Slurm, by submitit."""
