"""What is measured, against whom, and how: `docs/reference/benchmarks.md`."""
