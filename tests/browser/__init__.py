"""The page of the emulator in a browser."""
