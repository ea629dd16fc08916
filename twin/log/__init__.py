"""The change log: every change in commit order, and the cursors of those who follow it."""
