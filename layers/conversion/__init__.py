"""Columns as strangers write them, converted to the types of fields: numbers, codes, dates, lists."""
