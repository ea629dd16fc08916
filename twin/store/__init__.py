"""What a batch writes: receipts, positions, observations, events, features and state, in one transaction."""
