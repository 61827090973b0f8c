#!/bin/bash
# One part of an archive for each task of a Slurm array: sbatch --array=1-32 slurm_array.sh \
#     /archive/scans --output /archive/color
# The archive lies on storage that all nodes share. Submitted again, it colors what is missing.
#SBATCH --job-name=colorize
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=24:00:00
#SBATCH --requeue
set -euo pipefail

# Parts are counted from 1: an array that does not begin there, or leaves some out, would too.
: "${SLURM_ARRAY_TASK_MIN:?submit it as an array: sbatch --array=1-32 $0}"
if [ "$SLURM_ARRAY_TASK_MIN" != 1 ] || [ "$SLURM_ARRAY_TASK_COUNT" != "$SLURM_ARRAY_TASK_MAX" ]; then
    echo "error: the array must be 1-N, without gaps" >&2
    exit 2
fi
exec python -m keras_colorize.colorize "$@" \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --workers "$((SLURM_CPUS_PER_TASK + 1))"
