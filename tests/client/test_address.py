import pytest
from ReidentificationRiskLib.address import normalise_address, parse_address
from ReidentificationRiskLib.errors import ClientError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("  http://127.0.0.1:8000/ ", "http://127.0.0.1:8000"),
        ("http://0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("[::]:8000", "http://[::1]:8000"),
        ("HTTP://Reid.Hospital.org:80", "http://reid.hospital.org"),
        ("https://reid.hospital.org:443/", "https://reid.hospital.org"),
        ("https://reid.hospital.org/monai/", "https://reid.hospital.org/monai"),
        ("localhost", "http://localhost"),
    ],
)
def test_an_address_has_one_spelling(typed: str, meant: str) -> None:
    assert normalise_address(typed) == meant
    assert normalise_address(meant) == meant


@pytest.mark.parametrize(
    "typed",
    ["", "   ", "http://", "ftp://a", "file:///etc/passwd", "http://a b", "http://a\nb", "http://a:99999",
     "http://a:0", "http://a:x", "http://a/?q=1", "http://a/#f", "http://[::1", "http://" + "a" * 70, "http://a\\b"],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_one_line(typed: str) -> None:
    with pytest.raises(ClientError, match=r"such as http://127\.0\.0\.1:8000\.$") as caught:
        parse_address(typed)
    assert "\n" not in str(caught.value)


def test_a_password_has_no_place_in_an_address() -> None:
    with pytest.raises(ClientError, match="password") as caught:
        parse_address("https://jane:secret@reid.hospital.org")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "here"),
    [("127.0.0.1:1", True), ("127.8.8.8:1", True), ("localhost:1", True), ("[::1]:1", True), ("0.0.0.0:1", True),
     ("10.0.0.1:1", False), ("localhost.evil.org:1", False), ("128.0.0.1:1", False)],
)  # fmt: skip
def test_loopback_is_told_from_elsewhere(address: str, here: bool) -> None:
    assert parse_address(address).is_loopback is here
