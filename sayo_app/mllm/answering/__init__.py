"""From a picture and a question to tokens, their attention, and what-if."""
