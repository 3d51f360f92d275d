"""A render as a list of segments: each is finished for good once it is on the disk, whoever made it.

`workspace` keeps what is finished, `faces` the analysis span by span, `task` renders one span, `sequence` renders the
missing ones in this process, `pool` in several; at the end the video package joins them without encoding again.
"""
