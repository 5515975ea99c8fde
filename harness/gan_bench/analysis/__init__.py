"""What the results say: groups of seeds, final scores, statistics and ranks."""
