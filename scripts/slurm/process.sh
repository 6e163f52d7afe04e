#!/usr/bin/env bash
# Stage 2, then the plan of stage 3 as jobs: sbatch scripts/slurm/process.sh
# The plan's JSON is what scripts/slurm/prune.sh runs as an array. ARBORIST_PRUNE_JOBS: at most so many jobs.
#SBATCH --job-name=arborist-process
#SBATCH --time=02:00:00
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"

.venv/bin/python run_pipeline.py --process "$@"
exec .venv/bin/python -m pruning run --plan-json model_architecture/plan.json --shards "${ARBORIST_PRUNE_JOBS:-16}"
