"""Token stores that outlive the process; each one needs an extra."""
