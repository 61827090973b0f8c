"""The desk at which colors are looked at, chosen and corrected: a local page."""
