"""The model side: torch, transformers and peft."""
