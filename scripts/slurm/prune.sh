#!/usr/bin/env bash
# Stage 3, one job of the plan an array task, each into a store of its own:
#   sbatch --array=0-"$(.venv/bin/python -m tools.plan_job model_architecture/plan.json --last)" scripts/slurm/prune.sh
# A task that fails or is stopped leaves the others alone; submitted again it goes on.
#SBATCH --job-name=arborist-prune
#SBATCH --time=06:00:00
#SBATCH --cpus-per-task=4
#SBATCH --mem=32G
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"

task="${SLURM_ARRAY_TASK_ID:?"expected an array task: sbatch --array=0-N scripts/slurm/prune.sh"}"
part="model_architecture/parts/${task}.duckdb"
ARBORIST_ONLY=$(.venv/bin/python -m tools.plan_job model_architecture/plan.json --job "${task}")
export ARBORIST_ONLY
export ARBORIST_MAX_MINUTES="${ARBORIST_MAX_MINUTES:-340}"

mkdir -p model_architecture/parts
if [[ ! -e ${part} ]]; then
    cp model_architecture/arborist.duckdb "${part}"
fi
exec .venv/bin/python run_pipeline.py --prune --store "${part}" "$@"
