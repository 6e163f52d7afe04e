"""Layer 0: what every stage stands on. Knows settings, errors, progress and processes; knows no stage and no model."""
