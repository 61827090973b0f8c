"""What files say about photographs, carried from the original into its colorized copy."""
