#!/usr/bin/env bash
# Stage 2, the weights of the Hub's representatives, then the plan of stage 3 as jobs: sbatch scripts/slurm/process.sh
# The plan's JSON is what scripts/slurm/prune.sh runs as an array. ARBORIST_PRUNE_JOBS: at most so many jobs.
#SBATCH --job-name=arborist-process
#SBATCH --time=02:00:00
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"

shopt -s nullglob
parts=(model_architecture/parts/*.duckdb)
if ((${#parts[@]} > 0)); then
    echo "expected no parts of an earlier plan in model_architecture/parts: first run scripts/slurm/analyze.sh" >&2
    exit 1
fi
rm -f model_architecture/plan.json  # what ends before the new plan leaves none
.venv/bin/python run_pipeline.py --process "$@"
# Before the plan: it refuses what has no weights. They lie in the cache of huggingface_hub, which the nodes share.
.venv/bin/python -m pruning fetch
exec .venv/bin/python -m pruning run --plan-json model_architecture/plan.json --shards "${ARBORIST_PRUNE_JOBS:-16}"
