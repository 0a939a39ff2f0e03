"""Attention as it is read and changed inside a forward pass."""
