"""Where the policy looks, against where it should: rows of a forward, parts, rewards of looking."""
