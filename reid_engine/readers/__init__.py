"""One module a format; each turns a file into :class:`~reid_engine.readers.raw.Raw` values."""
