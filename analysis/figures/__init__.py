"""Drawing: a data frame and a title in, a matplotlib figure out. Nothing here asks the store."""
