"""A `gh` for tests: issues, runs and pull requests in JSON files, every call written down."""

import os
import sys
from pathlib import Path

PROGRAM = r"""
import json, pathlib, sys
folder = pathlib.Path(__file__).resolve().parent
state = folder / "issues.json"
issues = json.loads(state.read_text()) if state.exists() else []
words = sys.argv[1:]
with (folder / "calls.jsonl").open("a") as stream:
    stream.write(json.dumps(words) + "\n")
options = dict(zip(words[2::1], words[3::1]))
if words[:2] == ["issue", "list"]:
    found = [i for i in issues if i["state"] == "open" and options.get("--app") in (None, i["app"])]
    print(json.dumps([{name: i[name] for name in options["--json"].split(",")} for i in found]))
elif words[1] == "list":
    listing = folder / {"run": "runs.json", "pr": "requests.json"}[words[0]]
    found = json.loads(listing.read_text()) if listing.exists() else []
    print(json.dumps([{name: each[name] for name in options["--json"].split(",")} for each in found]))
elif words[:2] == ["issue", "create"]:
    number = len(issues) + 1
    issues.append({"number": number, "title": options["--title"], "body": options["--body"], "state": "open",
                   "app": "github-actions"})
elif words[:2] == ["issue", "edit"]:
    [i for i in issues if str(i["number"]) == words[2]][0]["body"] = options["--body"]
elif words[:2] == ["issue", "close"]:
    [i for i in issues if str(i["number"]) == words[2]][0]["state"] = "closed"
else:
    sys.exit(f"gh: unknown {words}")
state.write_text(json.dumps(issues))
"""


def make_gh(folder: Path) -> Path:
    """Put the program into a folder; issues.json and calls.jsonl appear beside it, runs.json and
    requests.json are what is listed."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "gh"
    program.write_text(f"#!{os.path.realpath(sys.executable)}\n{PROGRAM}")
    program.chmod(0o755)
    return folder
