"""What stands before the page on the open web: who may ask from where, and how the server is."""
