"""The words before a command that make it run as another user: who tries the sandbox, and where.

A private user namespace makes anybody root of a container, so nothing here needs a container.
"""

from __future__ import annotations

import subprocess

# What container engines leave to root by default.
DOCKER = (
    "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,"
    "sys_chroot,mknod,audit_write,setfcap"
)
STRANGER = 12345  # not a user of this machine
ORDINARY = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
# Root, or an ordinary user, with every capability in a user namespace that maps nobody else.
ROOT_ALONE = ["unshare", "--user", "--map-root-user", "--mount"]
USER_ALONE = [
    "unshare", "--user", f"--map-user={STRANGER}", f"--map-group={STRANGER}", "--keep-caps",
    "--mount",
]  # fmt: skip


def contained(capabilities: str = DOCKER) -> list[str]:
    """Root with only these capabilities, for callers that are already root."""
    kept = "".join(f",+{name}" for name in capabilities.split(",") if name)
    return ["setpriv", "--inh-caps=-all", f"--bounding-set=-all{kept}"]


def after(script: str) -> list[str]:
    """The words before a command that run a shell script first."""
    return ["sh", "-c", f'set -e; {script}\nexec "$@"', "sh"]


def may_become_another() -> bool:
    """Whether we can run a command as a stranger: root can, if the stranger is mapped."""
    return subprocess.run([*ORDINARY, "true"], capture_output=True).returncode == 0


def callers() -> dict[str, list[str]]:
    """The users for whom the sandbox must work, as far as we can act as them.

    A caller that cannot become another is already an ordinary user, or root of a user namespace that maps
    nobody else: then the caller itself.
    """
    may_mount = contained(DOCKER.replace(",net_raw", "") + ",net_admin,sys_admin")
    found = {
        "caller": [],
        "root alone in a container": [*ROOT_ALONE, *contained()],
        "root alone in a container, which may mount": [*ROOT_ALONE, *may_mount],
    }
    if may_become_another():
        found |= {"ordinary user": ORDINARY, "root of a container": contained()}
    return found
