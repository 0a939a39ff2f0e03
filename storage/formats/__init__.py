"""Corrections in and out of files: one module a format, one neutral row between them and the store."""
