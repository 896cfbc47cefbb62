"""What has no domain: limits of what is read, escaping, the clock, names that become objects."""
