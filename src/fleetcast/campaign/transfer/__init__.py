"""A group's stream of fragments: how it is paced, accounted for, and when more is sent, asked or nothing more is done.

Pure values and functions; the engine hands frames over and collects the answers.
"""
