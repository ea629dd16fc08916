"""The audit: who did what with which data, in records that are appended, chained, and never changed."""
