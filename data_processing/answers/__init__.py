"""Answers for people: nearest architectures, what differs, tables in the earlier layout."""
