"""The way out: each process reads the log once, matches and masks its changes, and hands them to subscribers."""
