"""Measured damage from structure and cheap scores, judged on families that were left out: values in, values out."""
