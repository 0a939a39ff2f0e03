"""Answers as files: written, read back and distrusted."""
