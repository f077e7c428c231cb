"""manifest.csv: what it gives, and every problem at once."""

import csv
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from reid_engine.cohort import COLUMNS, read_cohort
from reid_engine.errors import CohortError
from reid_engine.scan import MODALITIES

FULL = {
    "file": "a/one.png",
    "subject_id": "S1",
    "session_id": "v1",
    "modality": "cfp",
    "laterality": "l",
    "view": "macula",
    "sex": "f",
    "age": "61.5",
    "race": "any",
    "ethnicity": "Basque",
    "acquired": "2024-02-29T10:30:00",
    "device": "Topcon, NW400",
    "smoker": "yes",
    "birth_year": "1962",
}


def make(folder, rows, *, columns=None, touch=True):
    """Write a manifest, and an empty file for each row's image."""
    columns = columns or list(dict.fromkeys(name for row in rows for name in row))
    path = folder / "manifest.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        image = folder / row.get("file", "")
        if touch and row.get("file") and not image.exists():
            image.parent.mkdir(parents=True, exist_ok=True)
            image.touch()
    return path


def problems_of(path):
    with pytest.raises(CohortError) as caught:
        read_cohort(path)
    assert caught.value.where == str(path if path.suffix else path / "manifest.csv")
    assert "\n" not in str(caught.value)
    return list(caught.value.problems)


def test_every_column(tmp_path):
    (sample,) = read_cohort(make(tmp_path, [FULL])).samples
    assert sample.path == tmp_path / "a" / "one.png"
    assert sample.sample_id == "a/one.png"
    found = {name: getattr(sample, name) for name in COLUMNS[1:]}
    assert found == {
        "subject_id": "S1",
        "session_id": "v1",
        "modality": "CFP",
        "laterality": "L",
        "view": "macula",
        "sex": "F",
        "age": 61.5,
        "race": "any",
        "ethnicity": "Basque",
        "acquired": "2024-02-29",
        "device": "Topcon, NW400",
    }
    assert dict(sample.attributes) == {"smoker": "yes", "birth_year": "1962"}


def test_two_columns_are_enough_and_empty_means_unknown(tmp_path):
    (sample,) = read_cohort(make(tmp_path, [{"file": "x.png", "subject_id": "007"}])).samples
    assert sample.subject_id == "007"
    assert {getattr(sample, name) for name in COLUMNS[2:]} == {None}
    blank = dict.fromkeys(FULL, "") | {"file": "y.png", "subject_id": "S"}
    (sample,) = read_cohort(make(tmp_path, [blank])).samples
    assert {getattr(sample, name) for name in COLUMNS[2:]} == {None}
    assert dict(sample.attributes) == {}


def test_a_folder_and_its_manifest_are_the_same_cohort(tmp_path):
    path = make(tmp_path, [FULL])
    assert read_cohort(tmp_path) == read_cohort(path) == read_cohort(str(path))


def test_order_windows_paths_and_spaces(tmp_path):
    rows = [{"file": f" {name} ", "subject_id": " S 1 "} for name in ("b.png", "./c/a.png", "c\\d.png")]
    path = make(tmp_path, rows, touch=False)
    (tmp_path / "c").mkdir()
    for name in ("b.png", "c/a.png", "c/d.png"):
        (tmp_path / name).touch()
    samples = read_cohort(path).samples
    assert [s.sample_id for s in samples] == ["b.png", "c/a.png", "c/d.png"]
    assert {s.subject_id for s in samples} == {"S 1"}


def test_a_folder_may_be_a_sample(tmp_path):
    (tmp_path / "ct_series").mkdir()
    (sample,) = read_cohort(make(tmp_path, [{"file": "ct_series", "subject_id": "S"}])).samples
    assert sample.path == tmp_path / "ct_series"


def test_table(tmp_path):
    rows = [FULL, {"file": "two.png", "subject_id": "S2", "smoker": "no"}]
    table = read_cohort(make(tmp_path, rows)).table()
    assert list(table.columns) == ["sample_id", *COLUMNS, "smoker", "birth_year"]
    assert table["sample_id"].tolist() == table["file"].tolist() == ["a/one.png", "two.png"]
    assert table["age"].dtype == float
    np.testing.assert_array_equal(table["age"], [61.5, np.nan])
    assert table.loc[1, "sex"] is None
    assert table.loc[1, "birth_year"] is None
    assert table["smoker"].tolist() == ["yes", "no"]


def test_every_problem_is_told_at_once_with_its_row(tmp_path):
    rows = [
        {"file": "a.png", "subject_id": "S1"},
        {"file": "missing.png", "subject_id": ""},
        {"file": "a.png", "subject_id": "S1"},
        {"file": "b.png", "subject_id": "S1", "age": "old", "sex": "X", "laterality": "OD", "acquired": "1/2/24"},
        {"file": "c.png", "subject_id": "S1", "age": "-1", "modality": "CRX"},
        {"file": "d.png", "subject_id": "S1", "age": "nan", "modality": "EEG"},
        {"file": "../e.png", "subject_id": "S1"},
        {"file": "", "subject_id": "S1", "age": "131"},
    ]
    path = make(tmp_path, rows)
    (tmp_path / "missing.png").unlink()
    assert problems_of(path) == [
        "row 3: the file 'missing.png' is missing",
        "row 3: subject_id is empty",
        "row 4: the file 'a.png' is already in row 2",
        "row 5: the laterality 'OD' is not L or R; leave it empty if unknown",
        "row 5: the sex 'X' is not F or M; leave it empty if unknown",
        "row 5: the age 'old' is not a number of years from 0 to 130",
        "row 5: the date '1/2/24' is not an ISO date such as 2024-05-31",
        "row 6: the modality 'CRX' is not known; did you mean CXR?",
        "row 6: the age '-1' is not a number of years from 0 to 130",
        "row 7: the modality 'EEG' is not known; " + problems_of(path)[9].partition("; ")[2],
        "row 7: the age 'nan' is not a number of years from 0 to 130",
        "row 8: the file '../e.png' lies outside the manifest's folder; move it there",
        "row 9: file is empty",
        "row 9: the age '131' is not a number of years from 0 to 130",
    ]


@pytest.mark.parametrize(
    "cell", ["/etc/passwd", "../x.png", "a/../../x.png", "..\\x.png", "C:\\x.png", "C:/x.png", "."]
)
def test_paths_that_leave_the_folder(tmp_path, cell):
    (tmp_path / "in").mkdir()
    (tmp_path / "x.png").touch()
    path = make(tmp_path / "in", [{"file": cell, "subject_id": "S"}], touch=False)
    assert problems_of(path) == [f"row 2: the file '{cell}' lies outside the manifest's folder; move it there"]


def test_links_that_leave_the_folder(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "x.png").touch()
    (inside / "x.png").symlink_to(outside / "x.png")
    (inside / "deep").symlink_to(outside, target_is_directory=True)
    (inside / "gone.png").symlink_to(inside / "nowhere.png")
    rows = [{"file": name, "subject_id": "S"} for name in ("x.png", "deep/x.png", "gone.png")]
    path = make(inside, rows, touch=False)
    found = problems_of(path)
    assert ["a link that leaves the manifest's folder" in problem for problem in found] == [True, True, False]
    assert found[2] == "row 4: the file 'gone.png' is missing"


def test_links_inside_the_folder_are_the_file_they_mean(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    path = make(tmp_path, [{"file": "b.png", "subject_id": "S"}], touch=False)
    assert read_cohort(path).samples[0].sample_id == "b.png"
    path = make(tmp_path, [{"file": "a.png", "subject_id": "S"}, {"file": "b.png", "subject_id": "T"}], touch=False)
    assert problems_of(path) == ["row 3: the file 'b.png' is already in row 2"]


def test_the_manifests_folder_may_be_a_link_itself(tmp_path):
    (tmp_path / "real").mkdir()
    make(tmp_path / "real", [FULL])
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    assert len(read_cohort(tmp_path / "link").samples) == 1


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the manifest is empty; its first line must name the columns"),
        (b"\n\n , \n", "the manifest is empty; its first line must name the columns"),
        (b"file,subject_id\n", "the manifest has no rows; add one line for each image"),
        (b"path,patient\na,b\n", "row 1: there is no column 'file'"),
        (b"file;subject_id\na;b\n", "row 1: the cells are not separated by commas; save it as comma-separated CSV"),
        (b"file,subject_id,age,age\na,b,1,2\n", "row 1: the column 'age' is there twice"),
        (b"file,subject_id,\na,b,c\n", "row 1: column 3 has no name"),
        (b"file,subject_id,sample_id\na,b,c\n", "row 1: the column name 'sample_id' is reserved; rename it"),
        (b"file,subject_id\na,b,c\n", "row 2: 3 cells where the header has 2; quote cells that hold commas"),
        (b"file,subject_id,view\na,b\n", "row 2: 2 cells where the header has 3; quote cells that hold commas"),
        (b"file,subject_id\na,Ren\xe9\n", "row 2: the text is not UTF-8; save it as CSV UTF-8"),
        ("file,subject_id\na,b\n".encode("utf-16"), "row 1: the text is UTF-16; save it as CSV UTF-8"),
        (b"file,subject_id\na,b\0\n", "holds binary data; save it as CSV UTF-8"),
        (b'file,subject_id\na,"b\n', "is not a readable CSV table (unexpected end of data); save it as CSV again"),
    ],
)
def test_unreadable_manifests(tmp_path, data, expected):
    path = tmp_path / "manifest.csv"
    path.write_bytes(data)
    assert expected in problems_of(path)


def test_excels_utf8_mark_blank_lines_and_quoted_line_breaks(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").touch()
    text = '\ufefffile,subject_id,note\r\na.png,S1,"two\nlines"\r\n\r\n,,\r\nb.png,S2,\r\n'
    (tmp_path / "manifest.csv").write_text(text, encoding="utf-8", newline="")
    cohort = read_cohort(tmp_path)
    assert [s.subject_id for s in cohort.samples] == ["S1", "S2"]
    assert cohort.samples[0].attributes["note"] == "two\nlines"


def test_missing_paths(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path / "nowhere.csv"):
        with pytest.raises(CohortError, match="no such folder or manifest"):
            read_cohort(path)


def test_an_empty_folder(tmp_path):
    with pytest.raises(CohortError, match=r"no manifest.csv and no DICOM images"):
        read_cohort(tmp_path)


def test_samples_cannot_be_changed(tmp_path):
    (sample,) = read_cohort(make(tmp_path, [FULL])).samples
    with pytest.raises(TypeError):
        sample.attributes["smoker"] = "no"


def test_ten_thousand_rows_take_no_time(tmp_path):
    rows = [FULL | {"file": f"{n % 50}/{n}.png", "subject_id": f"S{n % 900}"} for n in range(10_000)]
    path = make(tmp_path, rows)
    start = time.perf_counter()
    cohort = read_cohort(path)
    seconds = time.perf_counter() - start
    assert len(cohort.samples) == 10_000
    assert seconds < 5
    assert len(cohort.table()) == 10_000


def test_reading_a_manifest_needs_neither_torch_nor_pandas_nor_pydicom(tmp_path):
    make(tmp_path, [FULL])
    code = (
        f"import sys; from reid_engine.cohort import read_cohort; read_cohort({str(tmp_path)!r})\n"
        "sys.exit(bool({'torch', 'pandas', 'pydicom', 'itk', 'PIL'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, env=os.environ).returncode == 0


@pytest.mark.parametrize(
    ("name", "images", "subjects"),
    [
        ("hannover_cxr", 83, 30),
        ("kermany_cxr", 1689, 500),
        ("nih_cxr", 9237, 2569),
        ("nih_cxr_native", 40, 16),
        ("octdl_oct", 743, 240),
        ("octdl_traps", 46, 22),
        ("odir_cfp", 600, 300),
        ("openms_mr", 9, 2),
        ("ridb_cfp", 60, 12),
    ],
)
def test_real_sets(shared_data, name, images, subjects):
    cohort = read_cohort(shared_data / name)
    assert (len(cohort.samples), len({s.subject_id for s in cohort.samples})) == (images, subjects)
    assert {s.modality for s in cohort.samples} <= set(MODALITIES)
    assert cohort.attribute_names == ("birth_year", "dataset", "licence", "sha256")
    assert cohort.table()["dataset"].unique().tolist() == [name]


def test_the_manifest_of_all_real_sets(shared_data):
    cohort = read_cohort(shared_data / "manifest.csv")
    assert len(cohort.samples) == 12_507
    assert any(s.attributes.get("birth_year") for s in cohort.samples)
