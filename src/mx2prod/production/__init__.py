"""One job on one file: the only room that joins science, output and metadata."""
