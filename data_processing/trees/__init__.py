"""What a structure is without its wording: canonical tree, hashes, tokens."""
