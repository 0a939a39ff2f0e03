"""Which retraining helps: arms, seeds, table, plot."""
