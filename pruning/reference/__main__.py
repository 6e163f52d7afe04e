"""Run `python -m pruning.reference`."""

from pruning.reference.cli import app

if __name__ == "__main__":
    app(prog_name="python -m pruning.reference")
