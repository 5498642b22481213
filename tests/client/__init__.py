"""The whole client against the emulator."""
