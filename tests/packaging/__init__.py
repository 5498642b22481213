"""The package as its users and its readers get it."""
