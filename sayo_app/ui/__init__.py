"""The page, in Gradio. `serve` is all that the entry point needs."""
