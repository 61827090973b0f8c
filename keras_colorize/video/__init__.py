"""Films in color: read and written by FFmpeg, steadied along their motion."""
