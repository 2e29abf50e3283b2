"""Which releases of py-libp2p the mesh was made for: it overrides their insides.

An override answers a defect of one release. In another the method may be gone, or the defect may
be elsewhere, and nothing would say so. It does not look at the code, only at the release's number.
"""

from node.faults import ConfigFault
from node.mesh.mesh import OnEvent

TESTED = ("0.8.1",)
"""Releases with which the whole suite, the hostile one included, was run."""


def check_release(installed: str, on_event: OnEvent) -> None:
    """Let a tested release pass, tell of an untested patch of one, and refuse all others.

    Args:
        installed: The version of the installed library.
        on_event: Told of an untested patch release.

    Raises:
        ConfigFault: It is of another minor version.
    """
    if installed in TESTED:
        return
    minors = {_minor(release) for release in TESTED}
    if _minor(installed) not in minors:
        raise ConfigFault(
            f"libp2p {installed} is installed; the mesh overrides the insides of {_named()} and "
            "does not protect this node with another.",
            fix=f'Install the one it was tested with: pip install "libp2p=={TESTED[-1]}".',
        )
    on_event("libp2p_untested", {"installed": installed, "tested": list(TESTED)})


def _minor(release: str) -> str:
    return ".".join(release.split(".")[:2])


def _named() -> str:
    return " and ".join(TESTED)
