"""The mistakes that are looked for, each with the id under which it is reported."""

from dataclasses import dataclass

RULES = {
    "PP101": "a filesystem that Polaris no longer lists",
    "PP102": "no filesystems",
    "PP103": "a placeholder of an example",
    "PP104": "the queue would refuse or lose such a job",
    "PP105": "a value that cannot work",
    "PP106": "a directive that PBS would not heed, or Parsl not survive",
    "PP201": "affinity entries that are not as many as the workers",
    "PP202": "workers that are not on the CPUs beside their GPU",
    "PP203": "no GPU is used",
    "PP204": "several workers on a GPU without MPS",
    "PP205": "MPS on the first node only",
    "PP206": "names of GPUs that do not exist",
    "PP207": "a value set after construction, which Parsl half sees",
    "PP208": "fewer hardware threads than the node has",
    "PP209": "no GPUs asked of PBS",
    "PP210": "GPUs without a worker",
    "PP301": "not one pool of workers a node",
    "PP302": "a binding that PALS does not know, or that binds the pool",
    "PP303": "a launcher that uses one node of several",
    "PP304": "a fixed number of nodes inside a job of any size",
    "PP305": "a TMPDIR too long for sockets",
    "PP306": "files left in HOME",
    "PP307": "a conda module pinned by its date",
    "PP308": "an environment set up by hand",
    "PP309": "GNU Parallel without the file that it needs",
    "PP401": "one interface by name, looked up when the file is imported",
    "PP402": "no address, so that Parsl asks an outside service",
    "PP501": "an argument that Parsl has removed",
    "PP502": "an argument that Parsl does not have",
    "PP503": "checkpoints without cache=True",
    "PP504": "an argument with no option here",
    "PP505": "an executor, provider or launcher with no counterpart here",
}


@dataclass(frozen=True)
class Finding:
    """A mistake in a file, or a change that its author should know of.

    Attributes:
        rule: id of the rule.
        line: where it stands in the file, 0 where no line can be named.
        text: what is there, and what comes of it.
        remedy: what the call does instead, or what to do.
    """

    rule: str
    line: int
    text: str
    remedy: str


class Findings(list[Finding]):
    """The findings in one file."""

    def add(self, rule: str, line: int, text: str, remedy: str) -> None:
        """Note a finding, once.

        Raises:
            KeyError: there is no such rule.
        """
        finding = Finding(rule, line, f"{RULES[rule]}: {text}", remedy)
        if finding not in self:
            self.append(finding)
