"""What recording attention costs."""
