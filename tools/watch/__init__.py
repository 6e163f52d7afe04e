"""Looks at the published report and says by an issue when it is old or fails more than it did.

It needs nothing but Python: what a runner would have to install first is left out (`tests/tools/watch`).
"""
