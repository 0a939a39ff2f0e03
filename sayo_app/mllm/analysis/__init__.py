"""What needs the model a second time: single heads, gradients, rollout."""
