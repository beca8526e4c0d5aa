"""Read-only SQL: rows in, core values or rows out."""
