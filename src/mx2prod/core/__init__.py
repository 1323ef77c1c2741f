"""Errors, identifiers, units, time, files, registry, workspace: what every room stands on."""
