"""What pipeline.yml calls, one line a step: restore, plan, gather, matrix, redundancy, summary, publish."""
