"""Making the bundled model."""
