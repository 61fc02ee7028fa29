"""The ground floor: what sound is. Formats, frames, exact cutting, codecs, resampling, files.

Nothing here waits and nothing here knows trio; numpy, soundfile and soxr are imported where they are used.
"""
