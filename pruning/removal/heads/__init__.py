"""Taking heads out: which ones a budget chooses, what becomes of them, and what a config can say (METHODS 3)."""
