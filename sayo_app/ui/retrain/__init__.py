"""The Retrain tab."""
