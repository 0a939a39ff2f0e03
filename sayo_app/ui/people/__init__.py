"""The People tab: who has which role, and who changed what."""
