"""A stored run from its queue to its adapter."""
