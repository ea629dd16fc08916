"""Erasing a person: every value in every table, the change log and the files that were put away."""
