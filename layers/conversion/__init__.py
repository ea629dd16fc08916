"""The conversion of a source's columns to the types of fields: numbers, codes, dates, lists."""
