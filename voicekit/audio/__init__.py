"""Audio at the lowest level: formats, frames, exact cutting, codecs, resampling, files.

Nothing here waits or uses trio; numpy, soundfile and soxr are imported only by the functions that need them.
"""
