"""Changes on their way out: the log is read once a process, matched, masked and handed to subscribers."""
