"""Subtitles from the words of a transcription."""
