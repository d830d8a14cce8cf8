"""Images and videos that are handed in: what they are, and the frames of a video."""
