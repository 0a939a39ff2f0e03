"""The loop against the one of TRL on the same work."""
