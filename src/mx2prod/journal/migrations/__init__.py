"""Migrations of the tables of the journal."""
