"""Pictures as grids of image tokens, and regions on them, in original-image pixels."""
