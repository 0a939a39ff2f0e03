"""What attention is made into: traces, reasoning steps, maps, metrics, proposals."""
