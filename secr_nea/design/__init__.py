"""What can be done with models before data: simulation (and, later, survey design)."""
