#!/usr/bin/env bash
# A recipe under SLURM, on one GPU, for as long as it takes: sbatch docs/examples/slurm.sh my.yaml
# Each job stops in time, saves, and puts itself into the queue again until the recipe is done. Every job gives the same
# command, and regroup goes on from the newest checkpoint.
#SBATCH --job-name=regroup
#SBATCH --time=04:00:00
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --output=regroup-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=TERM@120
set -euo pipefail

recipe="${1:?sbatch docs/examples/slurm.sh RECIPE}"
stop_after=3h50m # below --time, with room for a last checkpoint
regroup="${REGROUP:-/opt/regroup/bin/regroup}"

# The run folder lies on a disk that all nodes see: this job's folder, that of sbatch.
log="regroup-$SLURM_JOB_ID.run.log"
srun "$regroup" run "$recipe" --device cuda --stop-after "$stop_after" 2>&1 | tee "$log"

# Exit code 0 is both "done" and "stopped in time"; the last words say which.
if grep -q "continue with the same command" "$log"; then
  scontrol requeue "$SLURM_JOB_ID"
fi
