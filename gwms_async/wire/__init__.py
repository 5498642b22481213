"""All that is known of the HTTP of GWMS, without any I/O."""
