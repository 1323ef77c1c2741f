"""What people look at: plots, pages of constants tables, a PDF a run range, the summary table."""
