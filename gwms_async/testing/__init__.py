"""An emulator of the gateway, for tests and demonstrations without a network."""
