"""Client and emulator against the contract."""
