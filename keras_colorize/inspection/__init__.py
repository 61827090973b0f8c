"""Pictures and a report of what a run's statistics say."""
