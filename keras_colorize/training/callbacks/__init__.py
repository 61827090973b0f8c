"""What happens beside the steps: progress, record, statistics, checkpoints, samples, plots."""
