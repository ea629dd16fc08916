"""Joins of two layers by place, over HTTP."""
