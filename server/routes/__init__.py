"""Our own addresses, one file a family."""
