"""The Corrections tab: the work list."""
