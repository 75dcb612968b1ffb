"""Python that runs in tasks: its text travels, and nothing here is imported but by tests.

`render.python_source` joins the files in the order of their imports, each without those of the
others; they need Python 3.8 and nothing else.
"""
