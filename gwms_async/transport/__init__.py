"""One attempt on aiohttp."""
