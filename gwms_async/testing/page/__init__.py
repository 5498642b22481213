"""The page of the emulator: what it shows, what it can change, and who may ask."""
