"""Maps and pictures drawn into pictures, films and a page."""
