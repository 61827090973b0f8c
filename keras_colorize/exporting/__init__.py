"""Trained generators in the forms that servers and devices run."""
