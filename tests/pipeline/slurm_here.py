"""SLURM's commands on this machine: `python slurm_here.py sbatch|srun|sacct|scancel STATE_FOLDER ...`.

Jobs of an array are processes; their states are what SLURM would say. The one whose script ends without a result is
NODE_FAIL.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ARRAY = "77"


def sbatch(state: Path, script: str) -> None:
    text = Path(script).read_text(encoding="utf-8")
    (state / "script").write_text(text, encoding="utf-8")
    match = re.search(r"--array=0-(\d+)", text)
    for index in range(int(match[1]) + 1 if match else 1):
        of_array = {"SLURM_ARRAY_JOB_ID": ARRAY, "SLURM_ARRAY_TASK_ID": str(index)} if match else {}
        one = {"SLURM_JOB_ID": ARRAY, "SLURM_NTASKS": "1", "SLURM_NODEID": "0", "SLURM_PROCID": "0"}
        more = {"SLURM_JOB_NUM_NODES": "1", "SLURM_LOCALID": "0", "SLURM_JOB_NODELIST": "here"}
        job = subprocess.Popen(
            ["bash", script],
            env={**os.environ, **one, **more, **of_array},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        name = f"{ARRAY}_{index}" if match else ARRAY
        (state / f"{name}.pid").write_text(str(job.pid), encoding="utf-8")
    sys.stdout.write(f"Submitted batch job {ARRAY}\n")


def srun(_: Path, *arguments: str) -> None:
    command = list(arguments)
    while command[0].startswith("--"):
        option = command.pop(0)
        if option in ("--output", "--error"):
            command.pop(0)
    os.execvp(command[0], command)


def sacct(state: Path, *_: str) -> None:
    sys.stdout.write("JobID|State|NodeList\n")
    for file in sorted(state.glob("*.pid")):
        stat = Path(f"/proc/{file.read_text(encoding='utf-8')}/stat")
        runs = stat.exists() and " Z " not in stat.read_text(encoding="utf-8")
        sys.stdout.write(f"{file.stem}|{'RUNNING' if runs else 'NODE_FAIL'}|here\n")


def scancel(state: Path, job: str) -> None:
    with suppress(ProcessLookupError):
        os.killpg(int((state / f"{job}.pid").read_text(encoding="utf-8")), signal.SIGKILL)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
