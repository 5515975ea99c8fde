"""Where runs are launched."""
