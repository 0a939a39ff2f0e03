"""Signing in: who is behind a request, the pages for it, and the gate before everything else."""
