"""History as answers: series of what was measured, tracks of what moved, and both as rows."""
