"""Paintings made by code, to take styles from; each module has `paint(height, width)`."""
