"""Sanity checks of stage 3: can the numbers be what they say they are? Each answer is a row of `checks`."""
