"""Training an encoder to tell subjects apart, and to know them again at another visit."""
