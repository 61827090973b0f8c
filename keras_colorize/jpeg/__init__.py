"""JPEGs colored reversibly: their luminance stays bit for bit, only chroma is added."""
