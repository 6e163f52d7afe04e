"""Which models stand for a family and for the corpus."""
