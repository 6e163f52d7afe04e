"""When the pipeline last found that the published report is what there is to say."""

from datetime import datetime

from pipeline.errors import StageError
from tools.ci.programs import listed
from tools.ci.publishing import open_request

# A scheduled run does every stage; one on demand may have been a single stage, or dry.
LAST_GOOD_RUN = ("gh", "run", "list", "--workflow=pipeline.yml", "--event=schedule", "--status=success", "--limit=1")


def confirmed_at(branch: str) -> datetime | None:
    """Return when the newest scheduled run that went well began (UTC): what it found is published on `branch`.

    None without such a run, and while a newer report waits in a pull request. Raises `StageError` when gh cannot tell.
    """
    runs = [] if open_request(branch) is not None else listed(*LAST_GOOD_RUN, f"--branch={branch}", fields="createdAt")
    try:
        return max((datetime.fromisoformat(str(run["createdAt"])) for run in runs), default=None)
    except ValueError as error:
        raise StageError(f"gh run list: expected times, got {error}") from error
