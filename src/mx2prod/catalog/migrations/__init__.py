"""Tables of the catalogue: Alembic migrations of this room."""
