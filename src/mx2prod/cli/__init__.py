"""The command ``mx2``: one file a verb group."""
