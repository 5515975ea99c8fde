"""The commands, one file a group: each parses its options, calls a module, and prints."""
