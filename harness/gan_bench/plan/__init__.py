"""What to run: the request, the specification of each run, and the plan made of them."""
