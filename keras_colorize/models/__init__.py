"""The networks: built, saved, packed and read."""
