"""Tables of data quality verdicts: Alembic migrations of this room."""
