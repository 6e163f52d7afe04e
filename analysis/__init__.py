"""Stage 4: the store as a report that people open: tables, pictures, each number with the query behind it."""
