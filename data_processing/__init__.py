"""Stage 2: names, fingerprints, similarities, families and representatives of what stage 1 extracted."""
