"""Loading a model and what is particular to its family; adapters on it."""
