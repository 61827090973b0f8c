"""Generators measured against the truth."""
