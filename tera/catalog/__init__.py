"""What a library knows of its containers, in SQLite or PostgreSQL: one schema, one door to SQLAlchemy."""
