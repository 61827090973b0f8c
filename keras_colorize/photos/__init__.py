"""One reader and one writer of photographs."""
