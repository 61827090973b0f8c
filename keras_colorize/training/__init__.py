"""From two streams of photographs to a trained generator."""
