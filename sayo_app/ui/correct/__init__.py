"""The Correct tab."""
