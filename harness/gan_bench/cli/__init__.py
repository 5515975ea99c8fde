"""The click commands, one file a group; each reads its options, calls a module, and prints."""
