"""Solvers to be compared, each in a process of its own that reads commands and answers in lines of JSON.

Nothing here imports senospine at the top, and only NumPy beside the standard library: the processes also run in
environments where senospine is not installed.
"""
