"""fastswap inside other programs: GStreamer pipelines and editors' timelines."""
