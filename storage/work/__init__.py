"""Questions, corrections with their history, drafts, reviews, imports."""
