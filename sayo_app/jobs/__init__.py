"""Start, watch and cancel `python -m training` as a process of its own."""
