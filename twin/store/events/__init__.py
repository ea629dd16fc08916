"""Events: versions, history, warnings, exercises, and completion by a person."""
