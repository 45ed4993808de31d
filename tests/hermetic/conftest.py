"""The guard starts when it is imported: pytest must not look for doctests in it."""

collect_ignore = ["sitecustomize.py"]
