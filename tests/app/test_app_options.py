import pytest
from lib.options import read_options

from reid_engine.errors import ReidError


def test_a_gallery_that_is_not_there_yet_is_taken(tmp_path):
    options = read_options({"gallery": str(tmp_path / "new")}, str(tmp_path))
    assert options.gallery == (tmp_path / "new").resolve()
    assert options.max_upload == 512 * 2**20
    assert options.encoder is None
    assert (options.images, options.token, options.remote) == (False, None, False)


def test_values_are_read(tmp_path):
    conf = {
        "gallery": str(tmp_path), "max_upload_mb": "0.5", "workers": "3", "encoder": "efficientnet-lite2",
        "hosts": "Risk.example, other", "origins": "https://PACS.example/", "server_mode": "true", "remote": "yes",
    }  # fmt: skip
    options = read_options(conf, str(tmp_path))
    assert (options.max_upload, options.workers, options.encoder) == (2**19, 3, "efficientnet-lite2")
    assert options.remote
    assert options.hosts == {"risk.example", "other"}
    assert options.origins == {"https://pacs.example"}


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ({}, "--conf gallery DIR"),
        ({"gallery": " "}, "--conf gallery DIR"),
        ({"gallery": "G", "galery": "x"}, "galery is not an option"),
        ({"gallery": "FILE"}, "is not a folder"),
        ({"gallery": "G", "max_upload_mb": "much"}, "max_upload_mb much"),
        ({"gallery": "G", "max_upload_mb": "0"}, "max_upload_mb 0"),
        ({"gallery": "G", "max_upload_mb": "nan"}, "max_upload_mb nan"),
        ({"gallery": "G", "max_upload_mb": "99999"}, "up to 4096"),
        ({"gallery": "G", "workers": "1.5"}, "workers 1.5"),
        ({"gallery": "G", "remote": "true"}, "say yes or no"),
        ({"gallery": "G", "images": "all"}, "--conf images all: say yes or no"),
        ({"gallery": "G", "token_file": "FILE"}, "holds no token"),
        ({"gallery": "G", "encoder": "efficientnet-lite9"}, "efficientnet-lite"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path, conf, words):
    (tmp_path / "file").touch()
    places = {"G": str(tmp_path), "FILE": str(tmp_path / "file")}
    conf = {key: places.get(value, value) for key, value in conf.items()}
    with pytest.raises(ReidError, match=words) as caught:
        read_options(conf, str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_remote_datastore_is_refused(tmp_path):
    with pytest.raises(ReidError, match="must be a folder"):
        read_options({"gallery": str(tmp_path)}, "https://pacs.example/dicom-web")
