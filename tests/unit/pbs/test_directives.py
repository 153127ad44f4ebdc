import pytest

from polaris_parsl.errors import OptionError
from polaris_parsl.pbs.directives import read_scheduler_options, resources


def read(text: str) -> list[tuple[str, str]]:
    return read_scheduler_options("scheduler_options", text)


def test_directives_are_read_as_qsub_reads_them() -> None:
    pairs = read("#PBS -l filesystems=home:eagle,place=scatter\n\n  #PBS -r y -M 'a@b.c' # mine")
    assert pairs == [
        ("-l", "filesystems=home:eagle,place=scatter"),
        ("-r", "y"),
        ("-M", "a@b.c"),
    ]
    assert resources([*pairs, ("-l", "filesystems=other")]) == {
        "filesystems": "home:eagle",
        "place": "scatter",
    }


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("rm -rf x", "not a PBS directive"),
        ("#PBS -l filesystems=home\vrm", "not a PBS directive"),
        ("#PBS -l 'filesystems", "No closing quotation"),
        ("#PBS -Z", "option -Z not recognized"),
        ("#PBS --verbose", "option --verbose not recognized"),
        ("#PBS filesystems=home", "filesystems=home where qsub looks for an option"),
        ("#PBS # nothing", "nothing where qsub looks"),
        ("#PBS -r maybe", "-r 'maybe'"),
        ("#PBS -l filesystems", "resource=value"),
        ("#PBS -l filesystems=", "resource=value"),
        ("#PBS -l filesystems=home:$(id)", "not a list of filesystems"),
        ("#PBS -l place=scattered", "placement"),
    ],
)
def test_a_line_that_qsub_would_refuse_is_refused(line: str, problem: str) -> None:
    with pytest.raises(OptionError) as refusal:
        read(line)
    assert problem in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("#PBS -q prod", "queue="),
        ("#PBS -A other", "account="),
        ("#PBS -l walltime=2:00:00", "walltime="),
        ("#PBS -l select=4:system=polaris", "nodes_per_block="),
        ("#PBS -J 1-4", "max_blocks="),
        ("#PBS -k oe", "the site sets it"),
        ("#PBS -h", "while one is held"),
        ("#PBS -W umask=022,depend=afterok:7.pbs", "while one is held"),
        ("#PBS -W block=true", "wait for the end of the job"),
        ("#PBS -o out.txt", "run_dir"),
    ],
)
def test_what_parsl_sets_itself_is_refused_with_the_option_to_use(line: str, remedy: str) -> None:
    with pytest.raises(OptionError) as refusal:
        read(line)
    assert remedy in refusal.value.remedy
