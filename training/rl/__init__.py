"""The algorithm: rollouts, rewards, advantages, losses, and the loop over them."""
