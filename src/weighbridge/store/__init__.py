"""Where things are kept: rows in SQLite or PostgreSQL, files in a folder or an object store."""
