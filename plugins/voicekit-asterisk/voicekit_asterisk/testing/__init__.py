"""A real Asterisk for tests: installed in a folder of its own, configured, controlled, and stopped.

chroot      makes the folder, as root on Debian
pbx         one Asterisk in it, with ports and files of its own
phone       a SIP phone that calls it
"""
