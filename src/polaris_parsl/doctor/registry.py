"""All checks, in an order that puts causes before their consequences."""

from polaris_parsl.doctor.findings import Check
from polaris_parsl.doctor.install import (
    look_at_base,
    look_at_files,
    look_at_modulefile,
    look_at_overlay,
    look_at_receipt,
    look_at_version,
)
from polaris_parsl.doctor.machine import (
    look_at_mpiexec,
    look_at_parallel,
    look_at_system,
    look_at_tasks,
    look_at_tmpdir,
)
from polaris_parsl.doctor.parsl_release import look_at_parsl
from polaris_parsl.doctor.request import look_at_interfaces, look_at_options
from polaris_parsl.doctor.shell import (
    look_at_commands,
    look_at_lmod,
    look_at_module,
    look_at_path,
    look_at_python,
    look_at_shadowed_packages,
)
from polaris_parsl.doctor.site import look_at_proxy, look_at_queues
from polaris_parsl.doctor.storage import look_at_clock, look_at_run_dir

CHECKS = (
    Check("node", look_at_system),
    Check("tasks", look_at_tasks),
    Check("receipt", look_at_receipt),
    Check("version", look_at_version, ("receipt",)),
    Check("files", look_at_files),
    Check("base", look_at_base, ("tasks",)),
    Check("overlay", look_at_overlay, ("tasks", "files", "base")),
    Check("lmod", look_at_lmod),
    Check("modulefile", look_at_modulefile, ("tasks", "files", "base", "overlay")),
    Check("shadows", look_at_shadowed_packages),
    Check("module", look_at_module, ("tasks",)),
    Check("path", look_at_path, ("tasks", "module")),
    Check(
        "python",
        look_at_python,
        ("tasks", "files", "base", "overlay", "shadows", "module", "path"),
    ),
    Check("parsl", look_at_parsl, ("tasks", "python")),
    Check("commands", look_at_commands, ("files", "base", "module", "path")),
    Check("options", look_at_options, ("files",)),
    Check("interfaces", look_at_interfaces, ("options",)),
    Check("mpiexec", look_at_mpiexec, ("tasks",)),
    Check("parallel", look_at_parallel, ("files",)),
    Check("tmpdir", look_at_tmpdir),
    Check("run_dir", look_at_run_dir, ("options",)),
    Check("clock", look_at_clock, ("options", "run_dir")),
    Check("proxy", look_at_proxy),
    Check("queues", look_at_queues, ("tasks",)),
)
