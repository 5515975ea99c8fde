"""The claims of the recipes' sources, and what the runs say of them."""
