"""What a report says of an encoder that was trained on identities."""

from reid_engine.caveats import Circumstances, caveats

WORDS = "trained to tell people apart"


def test_it_is_said_of_trained_encoders_alone():
    assert any(WORDS in line for line in caveats(Circumstances("CXR", trained=True)))
    assert not any(WORDS in line for line in caveats(Circumstances("CXR")))


def test_a_kind_that_nobody_is_enrolled_with_is_not_called_unlike_images_that_are_not_there():
    said = caveats(Circumstances("CFP", in_domain=False, absent=True))
    assert "The scan looks like nothing that is enrolled." in said
    assert not any("does not look like the CFP images" in line for line in said)
    assert any("does not look like the CXR images" in line for line in caveats(Circumstances("CXR", in_domain=False)))
