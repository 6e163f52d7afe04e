"""For all tests."""

import os
from multiprocessing import get_context

# Two test workers on two cores: more threads than cores wait for one another and take thirty times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A test worker has one warm server for all tests: whichever test starts it, it imports once what children need.
get_context("forkserver").set_forkserver_preload(
    ["torch", "transformers.modeling_utils", "transformers.generation.utils"]
)
