"""What of a request goes into the audit, and when."""
