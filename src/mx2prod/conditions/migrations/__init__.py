"""Tables of constants and their life: Alembic migrations of this room."""
