"""Accounts, and what people changed."""
