"""What the workflows call, one line a step: `python -m tools.ci restore|plan|gather|matrix|summary|publish`."""
