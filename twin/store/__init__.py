"""Writing a batch in one transaction: receipts, positions, observations, events, features, state and the log."""
