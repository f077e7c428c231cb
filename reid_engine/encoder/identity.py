"""What a gallery remembers of the encoder that made its vectors."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EncoderIdentity:
    """Name, width and fingerprint of an encoder.

    Parameters
    ----------
    name
        The registered name, ``timm:NAME``, or ``trained:NAME-HASH`` of one that was trained here.
    dim
        Length D of an embedding.
    fingerprint
        SHA-256 (hex) over the weights' values and every parameter of the preprocessing: two encoders with
        the same fingerprint give the same embedding for the same scan, up to rounding.
    appearance
        Length A of what is kept beside an embedding to tell strangers by; 0 where the embedding does that.
    """

    name: str
    dim: int
    fingerprint: str
    appearance: int = 0

    @property
    def width(self) -> int:
        """Length D + A of what is kept of an image."""
        return self.dim + self.appearance

    def __str__(self) -> str:
        return f"{self.name} ({self.dim}-d, {self.fingerprint[:12]})"
