"""Whole archives colored by engines that others have written: Ray Data and Apache Beam."""
