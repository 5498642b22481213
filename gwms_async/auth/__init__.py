"""One login for all: tokens, their renewal and their stores."""
