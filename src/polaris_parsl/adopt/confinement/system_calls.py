"""The system calls of x86-64 that a file may not make while it is read, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Refuse(Enum):
    """When a call is refused, by one of its arguments."""

    ALWAYS = "always"
    WITH_ANY_OF = "the argument has one of these bits"
    WITHOUT = "the argument lacks these bits"
    WITH_ALL_OF = "the argument has all of these bits"
    EQUAL = "the argument is this"
    UNEQUAL = "the argument is not this"


@dataclass(frozen=True)
class Rule:
    """One system call and when it is refused."""

    number: int
    refuse: Refuse = Refuse.ALWAYS
    argument: int = 0
    value: int = 0


# processes: start one, touch one, leave the session
_PROCESSES = {
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "process_madvise": 440,
    "process_mrelease": 448, "kcmp": 312, "kill": 62, "tkill": 200, "rt_sigqueueinfo": 129,
    "rt_tgsigqueueinfo": 297, "pidfd_open": 434, "pidfd_send_signal": 424, "pidfd_getfd": 438,
    "execve": 59, "execveat": 322, "fork": 57, "vfork": 58, "setsid": 112, "setpgid": 109,
    "setpriority": 141, "ioprio_set": 251, "migrate_pages": 256, "move_pages": 279,
}  # fmt: skip
_NETWORK = {
    "connect": 42, "bind": 49, "listen": 50, "accept": 43, "accept4": 288, "sendmsg": 46,
    "sendmmsg": 307,
}  # fmt: skip
# memory, messages and semaphores that other processes see, and that stay
_SHARED = {
    "shmget": 29, "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66, "msgget": 68,
    "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "mq_open": 240, "mq_unlink": 241, "add_key": 248,
    "request_key": 249, "keyctl": 250,
}  # fmt: skip
_FILES = {
    "creat": 85, "truncate": 76, "chmod": 90, "fchmod": 91, "fchmodat": 268, "fchmodat2": 452,
    "chown": 92, "fchown": 93, "lchown": 94, "fchownat": 260, "utime": 132, "utimes": 235,
    "futimesat": 261, "utimensat": 280, "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190,
    "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199, "mkdir": 83, "mkdirat": 258,
    "mknod": 133, "mknodat": 259, "link": 86, "linkat": 265, "symlink": 88, "symlinkat": 266,
    "rename": 82, "renameat": 264, "renameat2": 316, "unlink": 87, "unlinkat": 263, "rmdir": 84,
    "open_by_handle_at": 304, "fanotify_init": 300, "quotactl": 179, "quotactl_fd": 443,
}  # fmt: skip
# of the whole machine, and ways around a filter
_SYSTEM = {
    "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "setns": 308, "unshare": 272,
    "mount_setattr": 442, "move_mount": 429, "open_tree": 428, "fsopen": 430, "fsconfig": 431,
    "fsmount": 432, "fspick": 433, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "personality": 135,
    "reboot": 169, "swapon": 167, "swapoff": 168, "kexec_load": 246, "kexec_file_load": 320,
    "init_module": 175, "finit_module": 313, "delete_module": 176, "settimeofday": 164,
    "clock_settime": 227, "clock_adjtime": 305, "adjtimex": 159, "sethostname": 170,
    "setdomainname": 171, "acct": 163, "iopl": 172, "ioperm": 173, "syslog": 103, "vhangup": 153,
}  # fmt: skip
# answered as if the kernel had none: what asks them tries an older call, whose arguments are seen
UNKNOWN = (Rule(435), Rule(437))  # clone3, openat2

_CLONE_THREAD = 0x10000
_WRITES = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC
_TERMINAL = (0x5412, 0x541C, 0x540E)  # TIOCSTI, TIOCLINUX, TIOCSCTTY
_PR_SET_PDEATHSIG = 1
_SHARED_AND_ANONYMOUS = 0x21


def forbidden(own_pid: int) -> Sequence[Rule]:
    """All that is refused with EPERM.

    Args:
        own_pid: of the process itself, which may send signals to its own threads.
    """
    groups = (_PROCESSES, _NETWORK, _SHARED, _FILES, _SYSTEM)
    return (
        *(Rule(number) for group in groups for number in group.values()),
        Rule(56, Refuse.WITHOUT, 0, _CLONE_THREAD),  # clone
        Rule(234, Refuse.UNEQUAL, 0, own_pid),  # tgkill
        Rule(44, Refuse.UNEQUAL, 4, 0),  # sendto an address
        Rule(2, Refuse.WITH_ANY_OF, 1, _WRITES),  # open
        Rule(257, Refuse.WITH_ANY_OF, 2, _WRITES),  # openat
        *(Rule(16, Refuse.EQUAL, 1, request) for request in _TERMINAL),  # ioctl
        Rule(157, Refuse.EQUAL, 0, _PR_SET_PDEATHSIG),  # prctl
        Rule(9, Refuse.WITH_ALL_OF, 3, _SHARED_AND_ANONYMOUS),  # mmap
        # of other processes
        *(Rule(number, Refuse.UNEQUAL, 0, 0) for number in (302, 203, 144, 142, 314)),
    )
