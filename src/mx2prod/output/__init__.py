"""What a job writes: one schema class a product, ROOT files."""
