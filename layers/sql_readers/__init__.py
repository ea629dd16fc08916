"""Read-only SQL for analysts: roles of PostgreSQL whose schema has the collections, with the rights of their labels."""
