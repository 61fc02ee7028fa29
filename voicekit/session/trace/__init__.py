"""Shows where the time before each reply goes: the reply's milestones are logged during the call and drawn afterwards.

taps.py       reports a session's milestones: `open_trace`, or `trace` with a log that is already open
levels.py     finds which samples are audible
call.py       reads a recorded call from disk
reading.py    finds in a log's events what happened in each turn
bars.py       divides the wait in a turn into named bars
recording.py  measures the same wait in the recording alone
drawing.py    draws the bars in a terminal
svg.py        draws the bars as a picture
"""
