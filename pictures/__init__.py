"""Layer 0: how pictures look and become PNGs, for the report and for single commands. Knows no stage and no store."""
