"""Much at once: files of columns and endless texts, read off the database and sent as they come."""
