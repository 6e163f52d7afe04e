#!/usr/bin/env bash
# Stage 4: the parts of the array into the store, then the report: sbatch scripts/slurm/analyze.sh
#SBATCH --job-name=arborist-analyze
#SBATCH --time=02:00:00
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"

shopt -s nullglob
parts=(model_architecture/parts/*.duckdb)
if ((${#parts[@]} > 0)); then
    .venv/bin/python -m store merge "${parts[@]}"
    rm -- "${parts[@]}"
fi
exec .venv/bin/python run_pipeline.py --analyze "$@"
