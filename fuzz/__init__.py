"""Tries to break the running API by machine: `make fuzz`."""
