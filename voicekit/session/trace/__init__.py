"""Where the time between two people goes: milestones of each reply, told while a call runs and drawn afterwards.

taps.py       has a session tell its milestones: `open_trace`, or `trace` beside a log of one's own
levels.py     which samples of a sound are audible
call.py       a recorded call on disk
reading.py    what happened in each turn, from the events of a log
bars.py       what happened in a turn, as named bars that together are the wait
recording.py  the same wait, measured in the recorded sound alone
drawing.py    bars for a terminal
svg.py        bars as a picture
"""
