"""Training runs and the adapters that come out."""
