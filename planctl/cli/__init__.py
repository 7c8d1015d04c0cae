"""The command line: it listens, calls a workflow and hands its answer to a view; it decides nothing."""
