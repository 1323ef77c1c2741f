"""Geometry, channel addresses, wiring and electronics constants: versioned tables."""
