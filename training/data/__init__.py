"""Corrections as samples, and samples as batches of prompts."""
