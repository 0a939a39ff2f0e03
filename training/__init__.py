"""The reinforcement-learning job; nothing imports it, it runs as a process of its own."""
