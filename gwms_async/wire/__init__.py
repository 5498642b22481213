"""Everything specific to GWMS over HTTP, without I/O."""
