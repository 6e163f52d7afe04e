"""For all tests."""

import os

# Two test workers on two cores: more threads than cores wait for one another and take thirty times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
