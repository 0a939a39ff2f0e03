"""SAYO Studio: see where a multimodal model looks, and teach it to look elsewhere."""
