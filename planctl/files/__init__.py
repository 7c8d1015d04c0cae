"""Reads and writes the files of users; it decides nothing about what they mean."""
