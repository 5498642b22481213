"""Authentication: one login for all calls, token renewal, token stores."""
