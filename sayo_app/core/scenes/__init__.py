"""Composed scenes with exact boxes, and questions about them, from a seed."""
