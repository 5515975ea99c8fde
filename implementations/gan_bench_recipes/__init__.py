"""The recipes, framework-free: hyperparameters, initial weights and cost."""
