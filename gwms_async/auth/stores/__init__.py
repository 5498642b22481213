"""Token stores that outlive the process; each needs an extra."""
