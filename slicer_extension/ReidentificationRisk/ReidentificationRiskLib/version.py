"""The version of this module; the same as the library's and the server's of the same release."""

VERSION = "0.1.0"
