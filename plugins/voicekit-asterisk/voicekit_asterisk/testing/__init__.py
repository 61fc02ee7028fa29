"""A real Asterisk for tests: made in a folder of its own, configured, asked, and ended.

chroot      makes the folder, as root on Debian
pbx         one Asterisk in it, with ports and files of its own
phone       a SIP phone that calls it
"""
