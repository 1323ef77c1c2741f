"""HTTP server with the part of MetaCat's REST that clients use (catalogue page, section 6)."""
