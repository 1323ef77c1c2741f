"""The DUNE record of a file: derive it, check it."""
