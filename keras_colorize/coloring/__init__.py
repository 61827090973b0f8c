"""A trained generator applied to photographs of any size."""
