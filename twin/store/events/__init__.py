"""Events: versions, history, warnings, exercises, and what a person completes."""
