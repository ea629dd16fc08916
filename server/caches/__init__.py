"""What several requests share in a worker: answers for a moment, and checked queries."""
