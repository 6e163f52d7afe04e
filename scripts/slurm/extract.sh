#!/usr/bin/env bash
# Stage 1: sbatch scripts/slurm/extract.sh --source hub --tasks fill-mask
# It begins nothing new before SLURM would stop it; the same command goes on.
#SBATCH --job-name=arborist-extract
#SBATCH --time=06:00:00
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"

export ARBORIST_MAX_MINUTES="${ARBORIST_MAX_MINUTES:-340}"
exec .venv/bin/python run_pipeline.py --extract --workers "${SLURM_CPUS_PER_TASK:-0}" "$@"
