"""The viewer on the page: what it is sent, what it asks, what it keeps."""
