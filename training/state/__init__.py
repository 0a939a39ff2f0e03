"""What a run carries from step to step and over a restart."""
