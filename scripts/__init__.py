"""What the Makefile, the tests and the documentation site need; no part of the package."""
