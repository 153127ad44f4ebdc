"""The mistakes that `adopt` looks for, with the id of each."""

from dataclasses import dataclass

RULES = {
    "PP101": "a filesystem that Polaris no longer lists",
    "PP102": "no filesystems",
    "PP103": "a placeholder of an example",
    "PP104": "a job that the queue would refuse or lose",
    "PP105": "a value that cannot work",
    "PP106": "a directive that PBS would ignore or that breaks Parsl",
    "PP107": "a configuration for another system",
    "PP201": "not one affinity entry per worker",
    "PP202": "workers not bound to the CPUs beside their GPU",
    "PP203": "no GPU is used",
    "PP204": "several workers on a GPU without MPS",
    "PP205": "MPS on the first node only",
    "PP206": "names of GPUs that do not exist",
    "PP207": "a value set after construction, which Parsl partly ignores",
    "PP208": "fewer hardware threads than the node has",
    "PP209": "no GPUs requested from PBS",
    "PP210": "GPUs without a worker",
    "PP301": "not exactly one worker pool per node",
    "PP302": "a binding option that PALS does not know, or that binds the pool",
    "PP303": "a launcher that uses one node of several",
    "PP304": "a fixed number of nodes inside a job of any size",
    "PP305": "a TMPDIR too long for sockets",
    "PP306": "files left in HOME",
    "PP307": "a conda module pinned by its date",
    "PP308": "an environment set up by hand",
    "PP309": "GNU Parallel without its file of ignored variables",
    "PP310": "a directory in which tasks start",
    "PP401": "one interface by name, looked up when the file is imported",
    "PP402": "no address: Parsl asks an outside service",
    "PP501": "an argument that Parsl has removed",
    "PP502": "an argument that Parsl does not have",
    "PP503": "checkpoints without cache=True",
    "PP504": "an argument with no option here",
    "PP506": "a value that is known only when the file really runs",
    "PP505": "an executor, provider or launcher with no counterpart here",
}


@dataclass(frozen=True)
class AdoptFinding:
    """A mistake in a file, or a change that its author should know about.

    Attributes:
        rule: id of the rule.
        line: its line in the file, 0 if unknown.
        text: what the file has, and the consequence.
        remedy: what the call does instead, or what the author should do.
    """

    rule: str
    line: int
    text: str
    remedy: str


class AdoptFindings(list[AdoptFinding]):
    """The findings in one file."""

    def add(self, rule: str, line: int, text: str, remedy: str) -> None:
        """Note a finding, once.

        Raises:
            KeyError: there is no such rule.
        """
        finding = AdoptFinding(rule, line, f"{RULES[rule]}: {text}", remedy)
        if finding not in self:
            self.append(finding)
