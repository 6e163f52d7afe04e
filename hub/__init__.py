"""Layer 0: the one way to the Hugging Face Hub. Nothing else in this project opens a connection.

huggingface_hub (2.4) puts no limit on time, waits or size. Under it, and under our own calls, lies one client:

    address.py   which addresses may be asked: the endpoint's, and https elsewhere without credentials
    deadline.py  one attempt: connect, silence and total time limits, name resolution included
    limits.py    the Hub's rate limits: what the headers say, how long to wait, when to give up
    policy.py    limits of a question, the account of traffic
    client.py    httpx2 client: attempts, retries of what can heal, byte limits while a body comes in, traffic counted
    files.py     questions: a page of a listing, a file or a range of it, a snapshot of a repository
"""

from hub.address import endpoint, valid_file, valid_id, valid_revision
from hub.errors import PASSING, HubError, HubErrorKind
from hub.files import Answer, Hub, Page
from hub.policy import Policy, Traffic

__all__ = [
    "PASSING",
    "Answer",
    "Hub",
    "HubError",
    "HubErrorKind",
    "Page",
    "Policy",
    "Traffic",
    "endpoint",
    "valid_file",
    "valid_id",
    "valid_revision",
]
