"""How alike structures are, exactly and at scale."""
